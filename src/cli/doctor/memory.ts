import { availableParallelism, totalmem } from 'node:os'
import type { Look } from './finding.ts'

const mb = 1024 * 1024
/** What the program itself may take beside the engines. */
const ownMb = 600

export const memory: Look = ({ clickhouseUrl, clickhouseMemoryMb, postgresUrl, postgresMemoryMb }) => {
  const needed = ownMb + (clickhouseUrl ? 0 : clickhouseMemoryMb) + (postgresUrl ? 0 : postgresMemoryMb)
  const total = Math.round(totalmem() / mb)
  const found = `${total} MB of memory and ${availableParallelism()} cores; the caps add up to ${needed} MB`
  if (needed <= total * 0.9) return { about: 'memory', state: 'ok', found }
  return { about: 'memory', state: 'warning', found, todo: 'lower ZHIKE_CLICKHOUSE_MEMORY_MB, or give the machine more memory' }
}
