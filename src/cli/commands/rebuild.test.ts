import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { identityStore } from '../../../test/identity-store.ts'
import { ApiKeys } from '../../access/api-keys.ts'
import { firstKeys } from '../../access/first-keys.ts'
import { createApi } from '../../http/api.ts'
import { createLogger } from '../../http/logger.ts'
import { serve } from '../../http/server.ts'
import { putNamespace } from '../../identity/namespace-store.ts'
import { defaultNamespaces } from '../../identity/namespaces.ts'
import { identityRoutes } from '../../identity/routes.ts'
import { run } from '../program.ts'
import type { StartZhike } from '../with-server.ts'

const { postgres, keys, take, find, forget } = await identityStore()
const dataDir = mkdtempSync(join(tmpdir(), 'zhike-rebuild-'))
chmodSync(dataDir, 0o755)
afterAll(() => rmSync(dataDir, { recursive: true }))

const start: StartZhike = async config => {
  const apiKeys = new ApiKeys(postgres, keys, Date.now)
  await apiKeys.ensureFirst(firstKeys(config.dataDir, config).apiKey)
  const logger = createLogger('silent')
  const app = createApi({
    authenticate: key => apiKeys.callerOf(key),
    logger,
    registry: new Registry(),
    checks: [],
    routes: [api => identityRoutes(api, { postgres, keys, now: Date.now })],
    version: '0',
  })
  return serve(app, async () => false, { host: config.host, port: config.port, logger })
}

let lines: string[] = []
async function zhike(...args: string[]): Promise<number> {
  lines = []
  const say = (text: string) => void lines.push(text)
  const context = { out: say, notes: say, environment: { ZHIKE_DATA: dataDir, ZHIKE_PORT: '0' }, start }
  const unused = { fillDemo: async () => undefined, importFiles: async () => 0, untilAsked: async () => undefined }
  return run(args, { ...context, ...unused }, '0')
}

beforeEach(forget)

test('what would change is shown first, and changed only when asked for', async () => {
  await take({ user_id: 'u1', phone: '19900000001' }, { user_id: 'u2', phone: '19900000001' })
  expect(await zhike('rebuild', 'identity')).toBe(0)
  expect(lines.join('\n')).toContain('nothing would change')

  const userId = defaultNamespaces.find(({ key }) => key === 'user_id')
  if (userId) await putNamespace(postgres, { ...userId, unique: false, limit: 5 }, { by: 'tester', at: 0 })
  expect(await zhike('rebuild', 'identity')).toBe(0)
  expect(lines.join('\n')).toMatch(/come together +1\n(?:.*\n)* {2}1 takes in 2\nnothing was changed/)
  expect((await find('user_id', 'u2'))?.profile).toBe(2)

  expect(await zhike('rebuild', 'identity', '--apply')).toBe(0)
  expect(lines.at(-1)).toContain('applied')
  expect((await find('user_id', 'u2'))?.profile).toBe(1)
  expect(await zhike('rebuild', 'identity', '--json')).toBe(0)
  expect(JSON.parse(lines.join('\n'))).toMatchObject({ applied: false, counts: { merges: 0, splits: 0, identifiers: 0 } })
})
