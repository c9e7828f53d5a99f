import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, expect, test } from 'vitest'
import { keysFrom } from '../../privacy/keys.ts'
import { connectPostgres } from '../postgres.ts'
import { openStores } from '../stores.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'zhike-exposure-'))
chmodSync(dataDir, 0o755)
process.env.ZHIKE_SECRET = 'a secret of the environment'
const stores = await openStores({
  dataDir,
  postgresMemory: 2 ** 27,
  clickhouseMemory: 2 ** 30,
  keys: keysFrom('a secret for tests'),
  log: pino({ level: 'silent' }),
})
delete process.env.ZHIKE_SECRET
afterAll(async () => {
  await stores.close()
  rmSync(dataDir, { recursive: true })
})

test('nobody gets into ClickHouse without the password, and with it nobody gets at files, URLs and other servers', async () => {
  const { origin } = new URL(stores.clickhouseUrl)
  for (const user of ['', 'default', 'zhike']) {
    const answer = await fetch(`${origin}/?query=select+count()+from+events${user ? `&user=${user}` : ''}`)
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(await answer.text()).toMatch(/AUTHENTICATION_FAILED|ACCESS_DENIED|REQUIRED_PASSWORD/)
  }
  for (const table of [
    `file('/etc/passwd', 'LineAsString')`,
    `url('http://127.0.0.1:1/', 'LineAsString')`,
    `remote('127.0.0.1', system.one)`,
  ])
    await expect(stores.clickhouse.query(`select * from ${table}`)).rejects.toThrow('ACCESS_DENIED')
})

test('nobody gets into PostgreSQL without the password', async () => {
  const url = new URL(stores.postgresUrl)
  url.password = 'guessed'
  const guess = connectPostgres(url.href, { connections: 1 })
  await expect(guess.query('select 1')).rejects.toMatchObject({ code: '28P01' })
  await guess.close()
})

test.runIf(process.platform === 'linux')('the engines listen on loopback only, and see neither secret nor keys', async () => {
  for (const engine of [stores.engines.postgres, stores.engines.clickhouse])
    expect(readFileSync(`/proc/${engine?.pid()}/environ`, 'utf8')).not.toContain('ZHIKE')
  for (const url of [stores.postgresUrl, stores.clickhouseUrl]) expect(listeners(Number(new URL(url).port))).toEqual(['0100007F'])
})

/** Addresses, as the kernel writes them, that listen on the port. */
function listeners(port: number): string[] {
  return ['tcp', 'tcp6'].flatMap(family =>
    readFileSync(`/proc/net/${family}`, 'utf8')
      .split('\n')
      .map(line => line.trim().split(/\s+/))
      .filter(([, local, , state]) => state === '0A' && local?.endsWith(`:${port.toString(16).toUpperCase().padStart(4, '0')}`))
      .map(([, local]) => local?.split(':')[0] ?? ''),
  )
}
