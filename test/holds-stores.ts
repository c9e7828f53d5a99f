import { pino } from 'pino'
import { keysFrom } from '../src/privacy/keys.ts'
import { openStores } from '../src/store/stores.ts'

/** A process of its own that holds the stores of a directory: says where they are, then runs until it is killed or asked to end. */
const [dataDir = '', secret = 'a secret for tests'] = process.argv.slice(2)

const stores = await openStores({
  dataDir,
  postgresMemory: 2 ** 27,
  clickhouseMemory: 2 ** 30,
  keys: keysFrom(secret),
  log: pino({ level: 'error' }, pino.destination(2)),
})
console.log(
  JSON.stringify({
    postgresUrl: stores.postgresUrl,
    clickhouseUrl: stores.clickhouseUrl,
    postgres: stores.engines.postgres?.pid(),
    clickhouse: stores.engines.clickhouse?.pid(),
  }),
)
process.once('SIGTERM', () => stores.close())
