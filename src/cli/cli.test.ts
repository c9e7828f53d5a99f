import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { testStores } from '../../test/stores.ts'
import { ApiKeys } from '../access/api-keys.ts'
import { firstKeys } from '../access/first-keys.ts'
import { accessRoutes } from '../access/routes.ts'
import { collectRoutes } from '../collect/routes.ts'
import { createApi } from '../http/api.ts'
import { createLogger } from '../http/logger.ts'
import { serve } from '../http/server.ts'
import { openFileLog } from '../log/file/file-log.ts'
import { keysFrom } from '../privacy/keys.ts'
import type { CliContext } from './context.ts'
import { run } from './program.ts'
import { removeServerFile, runningServer, writeServerFile } from './running-server.ts'
import type { StartZhike } from './with-server.ts'

const { postgres } = await testStores()
const root = mkdtempSync(join(tmpdir(), 'zhike-cli-'))

const events = await openFileLog({ directory: join(root, 'log'), key: Buffer.alloc(32, 7), now: Date.now })
afterAll(async () => {
  await events.close()
  rmSync(root, { recursive: true })
})

let dataDir: string
let lines: { out: string[]; notes: string[] }
let starts = 0
beforeEach(() => {
  dataDir = mkdtempSync(join(root, 'data-'))
  chmodSync(root, 0o755)
  chmodSync(dataDir, 0o755)
  lines = { out: [], notes: [] }
  starts = 0
})

/** A real server with the routes of API keys, as the whole program starts one. */
const start: StartZhike = async config => {
  starts++
  const apiKeys = new ApiKeys(postgres, keysFrom('a secret for tests'), Date.now)
  await apiKeys.ensureFirst(firstKeys(config.dataDir, config).apiKey)
  const logger = createLogger('silent')
  const app = createApi({
    authenticate: key => apiKeys.callerOf(key),
    logger,
    registry: new Registry(),
    checks: [{ name: 'postgres', check: () => undefined }],
    routes: [
      api => accessRoutes(api, apiKeys, postgres),
      api =>
        collectRoutes(api, { postgres, keys: keysFrom('a secret for tests'), log: events, now: Date.now, changed: async () => undefined }),
    ],
    version: '0',
  })
  const served = await serve(app, async () => false, { host: config.host, port: config.port, logger })
  writeServerFile(config.dataDir, { url: served.url, pid: process.pid })
  return {
    url: served.url,
    async stop() {
      removeServerFile(config.dataDir)
      await served.stop()
    },
  }
}

async function zhike(args: string, environment: Record<string, string> = {}, more: Partial<CliContext> = {}): Promise<number> {
  return run(
    args.split(' ').filter(Boolean),
    {
      out: text => void lines.out.push(text),
      notes: text => void lines.notes.push(text),
      environment: { ZHIKE_DATA: dataDir, ZHIKE_PORT: '0', ...environment },
      start,
      fillDemo: async () => undefined,
      importFiles: async () => 0,
      untilAsked: async () => undefined,
      ...more,
    },
    '1.2.3',
  )
}
const said = () => lines.notes.join('\n')

describe('the command line', () => {
  test('help and version end well, nonsense ends with 2 and says what there is', async () => {
    expect(await zhike('--version')).toBe(0)
    expect(lines.out).toEqual(['1.2.3'])
    expect(await zhike('--help')).toBe(0)
    expect(lines.out.join()).toContain('doctor')
    expect(await zhike('fly')).toBe(2)
    expect(said()).toContain("unknown command 'fly'")
    expect(await zhike('keys create')).toBe(2)
    expect(await zhike('keys create --name x --permissions root')).toBe(2)
    expect(said()).toContain('It must be some of read, write, personal, admin')
  })

  test('faults of the environment are sentences, each on a line, and nothing starts', async () => {
    expect(await zhike('serve', { ZHIKE_PORT: 'x', ZHIKE_TIMEZONE: 'y' })).toBe(2)
    expect(said()).toBe(
      'zhike: the environment has 2 faults\n  ZHIKE_PORT must be a port number\n  ZHIKE_TIMEZONE must be an IANA time zone such as Asia/Shanghai',
    )
    expect(starts).toBe(0)
  })

  test('a bug ends with 1', async () => {
    expect(await zhike('serve', {}, { start: () => Promise.reject(new TypeError('x is not a function')) })).toBe(1)
    expect(said()).toContain('x is not a function')
  })
})

describe('serve', () => {
  test('it serves until it is asked, and shows the first keys once', async () => {
    const whileServing = async () => {
      const server = await runningServer(dataDir)
      expect((await fetch(`${server?.url}/health`)).status).toBe(200)
    }
    expect(await zhike('serve', {}, { untilAsked: whileServing })).toBe(0)
    expect(said()).toMatch(/serves at http:\/\/127\.0\.0\.1:\d+\n/)
    expect(said()).toMatch(/API key +zk_\S{32}/)
    expect(await runningServer(dataDir)).toBeUndefined()
    lines.notes = []
    expect(await zhike('serve')).toBe(0)
    expect(said()).not.toContain('zk_')
  })

  test('options win over the environment, a taken port is told', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    expect(await zhike(`serve --port ${port}`)).toBe(3)
    expect(said()).toContain(`port ${port} on 127.0.0.1 is taken`)
    other.close()
    expect(await zhike('serve --roles api')).toBe(2)
    expect(said()).toContain('ZHIKE_POSTGRES_URL is needed')
  })
})

describe('keys', () => {
  test('without a server one is started for as long as it takes; --json for scripts', async () => {
    expect(await zhike('keys create --name reader --permissions read,write --json')).toBe(0)
    const made = JSON.parse(lines.out.join()) as { id: string; key: string; permissions: string[] }
    expect(made).toMatchObject({ permissions: ['read', 'write'], key: expect.stringMatching(/^zk_/) })
    expect(await zhike(`keys revoke ${made.id}`)).toBe(0)
    lines.out = []
    expect(await zhike('keys')).toBe(0)
    expect(lines.out.join()).toMatch(new RegExp(`${made.id} .*reader.*read,write.*revoked`))
    expect(lines.out.join()).not.toContain(made.key)
    expect(starts).toBe(3)
    expect(await runningServer(dataDir)).toBeUndefined()
  })

  test('a running server is talked to, not started again; a refusal ends with 4', async () => {
    const started = await start({ ...(await configForTests()), dataDir })
    expect(await zhike('keys list --json')).toBe(0)
    expect(await zhike('keys revoke key_unknown')).toBe(4)
    expect(said()).toContain('there is no API key with this id')
    expect(starts).toBe(1)
    await started.stop()
  })

  test('the file of a killed server misleads nobody', async () => {
    writeServerFile(dataDir, { url: 'http://127.0.0.1:9', pid: process.pid })
    expect(await runningServer(dataDir)).toBeUndefined()
    writeServerFile(dataDir, { url: 'http://127.0.0.1:9', pid: 2 ** 22 - 1 })
    expect(await runningServer(dataDir)).toBeUndefined()
    writeFileSync(join(dataDir, 'server.json'), '{')
    expect(await runningServer(dataDir)).toBeUndefined()
    expect(await zhike('keys list')).toBe(0)
  })
})

describe('sources', () => {
  test('a source is added, its key replaced, and it is disabled and enabled', async () => {
    expect(await zhike('sources add till --name Till --kind server')).toBe(0)
    const [first] = lines.out
    expect(first).toMatch(/^zw_[\w-]{32}$/)
    expect(await zhike('sources rotate till --keep-old-for 0')).toBe(0)
    expect(lines.out[1]).not.toBe(first)
    expect(await zhike('sources disable till')).toBe(0)
    expect(await zhike('sources')).toBe(0)
    expect(lines.out[2]).toMatch(new RegExp(`till +Till +server +\\d{4}-\\d\\d-\\d\\d +${lines.out[1]} +disabled`))
    expect(await zhike('sources enable till')).toBe(0)
    expect(await zhike('sources rotate nobody')).toBe(4)
  })
})

describe('doctor', () => {
  type Told = { about: string; state: string; found: string; todo?: string }[]
  const told = () => JSON.parse(lines.out.join()) as Told
  const about = (name: string) => told().find(finding => finding.about === name)

  test('a healthy machine has no fault', async () => {
    await zhike('doctor --json')
    expect(about('node')).toMatchObject({ state: 'ok' })
    expect(about('data directory')).toMatchObject({ state: 'ok' })
    expect(about('server')).toMatchObject({ state: 'ok', found: expect.stringContaining('no server runs') })
    expect(about('port')).toMatchObject({ state: 'ok' })
  })

  test('what is wrong comes with what to do, and ends with 3', async () => {
    firstKeys(dataDir, { apiKey: undefined, writeKey: undefined })
    chmodSync(join(dataDir, 'keys.json'), 0o644)
    const code = await zhike('doctor --json', { ZHIKE_POSTGRES_URL: 'postgres://127.0.0.1:9/x' })
    expect(code).toBe(3)
    expect(about('data directory')).toMatchObject({ state: 'fault', todo: expect.stringContaining('chmod 600') })
    expect(about('stores')).toMatchObject({ state: 'fault', found: expect.stringContaining('PostgreSQL at 127.0.0.1:9') })
  })

  test('a running server is asked how it is', async () => {
    const started = await start({ ...(await configForTests()), dataDir })
    await zhike('doctor')
    expect(lines.out.join('\n')).toContain('postgres ok')
    await started.stop()
  })
})

describe('demo and import', () => {
  test('demo fills a started server and goes on until it is asked', async () => {
    const filled: string[] = []
    expect(
      await zhike(
        'demo --clinic',
        {},
        { fillDemo: async (api, options) => void filled.push(`${(await api.send('GET', '/health')).status} ${options.clinic}`) },
      ),
    ).toBe(0)
    expect(filled).toEqual(['200 true'])
  })

  test('import hands its files and options over and ends with what came of it', async () => {
    const seen: unknown[] = []
    const code = await zhike(
      'import a.csv b.csv --map m.json --source till --dry-run',
      {},
      {
        importFiles: async (_api, files, options) => {
          seen.push(files, options)
          return 5
        },
      },
    )
    expect(code).toBe(5)
    expect(seen).toEqual([
      ['a.csv', 'b.csv'],
      { map: 'm.json', source: 'till', dryRun: true, rejects: undefined, again: false, json: false },
    ])
  })
})

async function configForTests() {
  const { configFrom } = await import('../config.ts')
  return configFrom({ ZHIKE_PORT: '0' })
}
