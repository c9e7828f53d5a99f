import { DataType, load, open } from 'ffi-rs'

/** The child process that is a ClickHouse server: see `clickhouse.ts`. It ends when its parent is gone, however that went. */

const [library = '', config, directory, http, tcp] = process.argv.slice(2)

const endNow = () => process.kill(process.pid, 'SIGKILL')
process.once('disconnect', endNow)
// The parent may have gone while this file was loading.
if (!process.connected) endNow()

// Without a query the engine reads SQL from stdin and opens no port: so it opens the ports, and sleeps.
const forever =
  'system start listen http; system start listen tcp; select sleepEachRow(3) from numbers(1000000000) settings max_block_size = 1, function_sleep_max_microseconds_per_block = 1000000000'

const args = [
  'clickhouse',
  `--config-file=${config}`,
  `--path=${directory}`,
  `--http_port=${http}`,
  `--tcp_port=${tcp}`,
  `--query=${forever}`,
]

open({ library: 'chdb', path: library })
await load({
  library: 'chdb',
  funcName: 'query_stable_v2',
  retType: DataType.BigInt,
  paramsType: [DataType.I32, DataType.StringArray],
  paramsValue: [args.length, args],
  runInNewThread: true,
})
process.exit(1)
