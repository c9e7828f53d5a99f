import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { z } from 'zod'
import { Refusal } from './refusal.ts'

export const roles = ['collect', 'process', 'engage', 'api'] as const
export type Role = (typeof roles)[number]

/** What a deployment says in its environment, read and checked once at the start. */
export interface Config {
  /** Absolute. */
  dataDir: string
  host: string
  port: number
  /** Without them the engines that come with the package are started. */
  clickhouseUrl: string | undefined
  postgresUrl: string | undefined
  /** Without them the log is files. */
  kafkaBrokers: readonly string[] | undefined
  /** Keys to create at the first start, instead of generated ones. */
  writeKey: string | undefined
  apiKey: string | undefined
  /** Root of every encryption and hashing key, instead of the one kept in the data directory. */
  secret: string | undefined
  /** Of the workspace: days, weeks and times of day are its. */
  timezone: string
  /** Demo and tests: the workspace's clock starts here (ms) and runs. */
  startsAt: number | undefined
  roles: readonly Role[]
  /** Caps for the engines that come with the package, MB. */
  clickhouseMemoryMb: number
  postgresMemoryMb: number
  /** Where webhooks may go besides the internet: private networks (CIDR), and ports. */
  outboundNetworks: readonly string[]
  outboundPorts: readonly number[]
  logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
}

const port = /^\d{1,5}$/
const keyText = /^[\x21-\x39\x3b-\x7e]{8,200}$/
const keyRule = 'must be 8 to 200 visible ASCII characters without a colon, as it travels in headers'

const environment = z.object({
  ZHIKE_DATA: z.string().default('./data'),
  ZHIKE_HOST: z
    .string()
    .default('127.0.0.1')
    .refine(isHost, 'must be an address or a host name of this machine, such as 127.0.0.1 or 0.0.0.0'),
  ZHIKE_PORT: z
    .string()
    .regex(port, 'must be a port number')
    .transform(Number)
    .refine(number => number <= 65_535, 'must be at most 65535')
    .default(8787),
  ZHIKE_CLICKHOUSE_URL: z
    .string()
    .refine(hasProtocol('http:', 'https:'), 'must be an address such as http://user:password@host:8123/database')
    .optional(),
  ZHIKE_POSTGRES_URL: z
    .string()
    .refine(hasProtocol('postgres:', 'postgresql:'), 'must be an address such as postgres://user:password@host:5432/database')
    .optional(),
  ZHIKE_KAFKA_BROKERS: z
    .string()
    .transform(text => text.split(',').map(broker => broker.trim()))
    .refine(brokers => brokers.every(broker => /^[^\s:]+:\d{1,5}$/.test(broker)), 'must be a list such as host1:9092,host2:9092')
    .optional(),
  ZHIKE_WRITE_KEY: z.string().regex(keyText, keyRule).optional(),
  ZHIKE_API_KEY: z.string().regex(keyText, keyRule).optional(),
  ZHIKE_SECRET: z.string().min(16, 'must have at least 16 characters; "openssl rand -hex 32" makes a good one').optional(),
  ZHIKE_TIMEZONE: z.string().default('Asia/Shanghai').refine(isTimezone, 'must be an IANA time zone such as Asia/Shanghai'),
  ZHIKE_NOW: z
    .string()
    .transform(momentOf)
    .refine(ms => !Number.isNaN(ms), 'must be a moment such as 2026-10-01T09:00:00+08:00')
    .optional(),
  ZHIKE_ROLES: z
    .string()
    .transform(text => text.split(',').map(role => role.trim()))
    .pipe(z.array(z.enum(roles, `must be some of ${roles.join(', ')}, separated by commas`)))
    .default([...roles]),
  ZHIKE_CLICKHOUSE_MEMORY_MB: memory(2048, 512),
  ZHIKE_POSTGRES_MEMORY_MB: memory(256, 64),
  ZHIKE_OUTBOUND_NETWORKS: z
    .string()
    .transform(text => text.split(',').map(network => network.trim()))
    .refine(networks => networks.every(isNetwork), 'must be a list of networks such as 10.1.0.0/16,fd00::/8')
    .default([]),
  ZHIKE_OUTBOUND_PORTS: z
    .string()
    .transform(text => text.split(',').map(one => one.trim()))
    .refine(
      ports => ports.every(one => port.test(one) && Number(one) >= 1 && Number(one) <= 65_535),
      'must be a list of ports such as 80,443',
    )
    .transform(ports => ports.map(Number))
    .default([80, 443]),
  ZHIKE_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'], 'must be trace, debug, info, warn, error or silent')
    .default('info'),
})

/**
 * @param variables the environment; an empty variable counts as none
 * @throws Refusal with every fault as a sentence, by variable
 */
export function configFrom(variables: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.entries(variables).filter(([name, value]) => name.startsWith('ZHIKE_') && value !== undefined && value.trim() !== ''),
  )
  const parsed = environment.safeParse(given)
  if (!parsed.success) {
    throw faulty(parsed.error.issues.map(({ path, message }) => ({ path: String(path[0]), message: `${String(path[0])} ${message}` })))
  }
  const config = configOf(parsed.data)
  const missing = missingFor(config)
  if (missing.length > 0) throw faulty(missing)
  return config
}

/** The workspace's clock: the machine's, or one that starts at `startsAt` and runs. */
export function clockOf({ startsAt }: Pick<Config, 'startsAt'>, machine: () => number = Date.now): () => number {
  if (startsAt === undefined) return machine
  const offset = startsAt - machine()
  return () => machine() + offset
}

function configOf(known: z.output<typeof environment>): Config {
  return {
    dataDir: resolve(known.ZHIKE_DATA),
    host: known.ZHIKE_HOST,
    port: known.ZHIKE_PORT,
    clickhouseUrl: known.ZHIKE_CLICKHOUSE_URL,
    postgresUrl: known.ZHIKE_POSTGRES_URL,
    kafkaBrokers: known.ZHIKE_KAFKA_BROKERS,
    writeKey: known.ZHIKE_WRITE_KEY,
    apiKey: known.ZHIKE_API_KEY,
    secret: known.ZHIKE_SECRET,
    timezone: known.ZHIKE_TIMEZONE,
    startsAt: known.ZHIKE_NOW,
    roles: roles.filter(role => known.ZHIKE_ROLES.includes(role)),
    clickhouseMemoryMb: known.ZHIKE_CLICKHOUSE_MEMORY_MB,
    postgresMemoryMb: known.ZHIKE_POSTGRES_MEMORY_MB,
    outboundNetworks: known.ZHIKE_OUTBOUND_NETWORKS,
    outboundPorts: known.ZHIKE_OUTBOUND_PORTS,
    logLevel: known.ZHIKE_LOG_LEVEL,
  }
}

/** Processes that share the work meet in shared stores. */
function missingFor(config: Config): { path: string; message: string }[] {
  if (config.roles.length === roles.length) return []
  const needed = {
    ZHIKE_CLICKHOUSE_URL: config.clickhouseUrl,
    ZHIKE_POSTGRES_URL: config.postgresUrl,
    ZHIKE_KAFKA_BROKERS: config.kafkaBrokers,
  }
  return Object.entries(needed)
    .filter(([, value]) => value === undefined)
    .map(([name]) => ({
      path: name,
      message: `${name} is needed where only some roles run here: the other processes must reach the same store`,
    }))
}

function faulty(details: { path: string; message: string }[]): Refusal {
  return new Refusal(400, 'configuration', `the environment has ${details.length === 1 ? 'a fault' : `${details.length} faults`}`, details)
}

function memory(standard: number, least: number) {
  return z
    .string()
    .regex(/^\d{1,7}$/, 'must be a number of megabytes')
    .transform(Number)
    .refine(number => number >= least, `must be at least ${least} (megabytes)`)
    .default(standard)
}

function isHost(text: string): boolean {
  return isIP(text) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text)
}

function hasProtocol(...protocols: string[]): (text: string) => boolean {
  return text => URL.canParse(text) && protocols.includes(new URL(text).protocol) && new URL(text).hostname !== ''
}

function isNetwork(text: string): boolean {
  const [address = '', prefix = ''] = text.split('/')
  const bits = isIP(address) === 6 ? 128 : isIP(address) === 4 ? 32 : -1
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits
}

function isTimezone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

function momentOf(text: string): number {
  return /^\d{12,}$/.test(text) ? Number(text) : Date.parse(text)
}
