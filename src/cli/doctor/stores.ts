import { pino } from 'pino'
import { keysFrom } from '../../privacy/keys.ts'
import { storeFindings } from '../../store/doctor.ts'
import { secretOf } from '../../store/secret.ts'
import type { Look } from './finding.ts'

const megabyte = 2 ** 20

/** How the stores are from inside, where no running server has them to itself. */
export const stores: Look = ({ dataDir, secret, postgresUrl, clickhouseUrl, postgresMemoryMb, clickhouseMemoryMb }) =>
  storeFindings({
    dataDir,
    postgresUrl,
    clickhouseUrl,
    postgresMemory: postgresMemoryMb * megabyte,
    clickhouseMemory: clickhouseMemoryMb * megabyte,
    keys: () => keysFrom(secretOf(dataDir, secret)),
    log: pino({ level: 'silent' }),
  })
