import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { clockOf, configFrom } from './config.ts'
import { Refusal } from './refusal.ts'

function faultsOf(variables: Record<string, string>): readonly { path: string; message: string }[] {
  try {
    configFrom(variables)
  } catch (error) {
    if (error instanceof Refusal) return error.details
    throw error
  }
  return []
}

test('an empty environment is a laptop', () => {
  expect(configFrom({ ZHIKE_PORT: '', HOME: '/root' })).toMatchObject({
    dataDir: resolve('./data'),
    host: '127.0.0.1',
    port: 8787,
    timezone: 'Asia/Shanghai',
    startsAt: undefined,
    postgresUrl: undefined,
    roles: ['collect', 'process', 'engage', 'api'],
  })
})

test('everything can be set', () => {
  const config = configFrom({
    ZHIKE_DATA: '/var/lib/zhike',
    ZHIKE_PORT: '0',
    ZHIKE_HOST: '::1',
    ZHIKE_CLICKHOUSE_URL: 'http://u:p@ch:8123/db',
    ZHIKE_POSTGRES_URL: 'postgres://u:p@pg/db',
    ZHIKE_KAFKA_BROKERS: 'a:9092, b:9092',
    ZHIKE_NOW: '2026-10-01T09:00:00+08:00',
    ZHIKE_TIMEZONE: 'Europe/Berlin',
    ZHIKE_ROLES: 'api,collect',
    ZHIKE_API_KEY: 'an-api-key',
  })
  expect(config).toMatchObject({
    port: 0,
    kafkaBrokers: ['a:9092', 'b:9092'],
    startsAt: Date.UTC(2026, 9, 1, 1),
    roles: ['collect', 'api'],
    apiKey: 'an-api-key',
  })
})

test.each([
  ['ZHIKE_PORT', 'http'],
  ['ZHIKE_PORT', '70000'],
  ['ZHIKE_HOST', 'http://x'],
  ['ZHIKE_CLICKHOUSE_URL', 'ch:8123'],
  ['ZHIKE_POSTGRES_URL', 'http://pg/db'],
  ['ZHIKE_KAFKA_BROKERS', 'a'],
  ['ZHIKE_TIMEZONE', 'Beijing'],
  ['ZHIKE_NOW', 'soon'],
  ['ZHIKE_ROLES', 'web'],
  ['ZHIKE_WRITE_KEY', 'with:colon'],
  ['ZHIKE_SECRET', 'short'],
  ['ZHIKE_POSTGRES_MEMORY_MB', '1'],
  ['ZHIKE_LOG_LEVEL', 'loud'],
])('%s=%s is a fault that names it, without the value', (name, value) => {
  const faults = faultsOf({ [name]: value })
  expect(faults.map(({ path }) => path)).toContain(name)
  expect(faults[0]?.message).toMatch(new RegExp(`^${name} must be|^${name} must have`))
  if (name === 'ZHIKE_SECRET') expect(faults[0]?.message).not.toContain(value)
})

test('all faults are told at once', () => {
  expect(faultsOf({ ZHIKE_PORT: 'x', ZHIKE_TIMEZONE: 'y' }).length).toBe(2)
})

test('some roles alone need the shared stores', () => {
  expect(faultsOf({ ZHIKE_ROLES: 'api', ZHIKE_POSTGRES_URL: 'postgres://h/d' }).map(({ path }) => path)).toEqual([
    'ZHIKE_CLICKHOUSE_URL',
    'ZHIKE_KAFKA_BROKERS',
  ])
})

test('the workspace clock starts where it was told to and runs', () => {
  let machine = 1000
  const clock = clockOf({ startsAt: 50_000 }, () => machine)
  machine += 7
  expect(clock()).toBe(50_007)
  expect(clockOf({ startsAt: undefined }, () => machine)()).toBe(1007)
})
