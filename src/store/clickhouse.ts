import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { parseRow } from './row-json.ts'
import { withoutValues } from './without-values.ts'

export interface QueryOptions {
  /** Gives a query up, on the server too. */
  signal?: AbortSignal
  queryId?: string
  settings?: Record<string, string | number>
}

/**
 * The analytical store. Values travel only as `{name:Type}` parameters. A 64-bit integer comes back as a number where that is exact, as text
 * where it is not. Errors carry no values.
 */
export interface ClickHouse {
  query<T>(text: string, params?: Record<string, unknown>, options?: QueryOptions): Promise<T[]>
  /** Row by row as they come; a failure in the middle is thrown, leaving the loop early ends the query. */
  stream<T>(text: string, params?: Record<string, unknown>, options?: QueryOptions): AsyncIterable<T>
  command(text: string, params?: Record<string, unknown>, options?: QueryOptions): Promise<void>
  /**
   * Resolves when the rows (JSONEachRow) are on disk.
   * @param into a table, or `table (columns) select … from input(…)`
   */
  insert(into: string, jsonLines: string | Buffer, options?: QueryOptions): Promise<void>
  /**
   * Resolves when the rows of Native blocks are on disk, but for those that the condition leaves out.
   * @param columns names and types of what the table gets; a block may have them in types that convert
   */
  insertBlocks(
    table: string,
    columns: Readonly<Record<string, string>>,
    blocks: readonly Buffer[],
    condition: string,
    options?: QueryOptions,
  ): Promise<void>
  close(): Promise<void>
}

const settings: Record<string, string | number> = {
  async_insert: 0,
  // "2026-10-01" stays text: a property is what was sent.
  input_format_try_infer_dates: 0,
  input_format_try_infer_datetimes: 0,
  // And so do the values of a list of several types: [true, 1.5], [true, "a"], [1, "a"].
  input_format_json_read_bools_as_numbers: 0,
  input_format_json_read_bools_as_strings: 0,
  input_format_json_read_numbers_as_strings: 0,
  output_format_json_quote_64bit_integers: 0,
  // Days and hours in statements mean the same on every server.
  session_timezone: 'UTC',
}

/** A failure in the middle becomes the status of the answer. */
const answeredWhole = { wait_end_of_query: 1 }

export function connectClickHouse(url: string, database?: string): ClickHouse {
  const compressed = !isLoopback(new URL(url).hostname)
  const client = createClient({
    url,
    ...(database ? { database } : {}),
    application: 'zhike',
    request_timeout: 600_000,
    max_open_connections: 20,
    keep_alive: { enabled: true },
    compression: { request: compressed, response: compressed },
    log: { level: ClickHouseLogLevel.OFF },
    json: { parse: <T>(text: string) => parseRow(text) as T },
    clickhouse_settings: settings,
  })
  const request = (
    params: Record<string, unknown> | undefined,
    options: QueryOptions | undefined,
    more: QueryOptions['settings'] = {},
  ) => ({
    ...(params ? { query_params: defined(params) } : {}),
    ...(options?.signal ? { abort_signal: options.signal } : {}),
    ...(options?.queryId ? { query_id: options.queryId } : {}),
    clickhouse_settings: { ...more, ...options?.settings },
  })
  /** The server works on when its client has gone: who gives a query up also ends it there. */
  const ending = async <T>(options: QueryOptions | undefined, work: (options?: QueryOptions) => Promise<T>): Promise<T> => {
    const signal = options?.signal
    if (!signal) return told(() => work(options))
    const queryId = options.queryId ?? randomUUID()
    const end = () =>
      client.command({ query: 'kill query where query_id = {queryId:String}', query_params: { queryId } }).catch(() => undefined)
    signal.addEventListener('abort', end)
    return told(() => work({ ...options, queryId })).finally(() => signal.removeEventListener('abort', end))
  }
  const send = (statement: string, values: readonly Buffer[], options: QueryOptions | undefined) =>
    told(async () => {
      const answer = await client.exec({
        query: statement,
        values: Readable.from(values, { objectMode: false }),
        ...request(undefined, options, answeredWhole),
      })
      for await (const _ of answer.stream) {
        // The answer is empty; reading it to its end frees the connection.
      }
    })
  return {
    query: <T>(text: string, params?: Record<string, unknown>, options?: QueryOptions) =>
      ending(options, async known => {
        const answer = await client.query({ query: text, format: 'JSONEachRow', ...request(params, known, answeredWhole) })
        return answer.json<T>()
      }),
    async *stream<T>(text: string, params?: Record<string, unknown>, options?: QueryOptions) {
      const answer = await ending(options, known => client.query({ query: text, format: 'JSONEachRow', ...request(params, known) }))
      try {
        for await (const rows of answer.stream<T>()) for (const row of rows) yield row.json()
      } catch (error) {
        throw withoutValues(error)
      }
    },
    command: (text, params, options) =>
      told(async () => {
        await client.command({ query: text, ...request(params, options, answeredWhole) })
      }),
    insert: (into, jsonLines, options) =>
      send(`insert into ${into} format JSONEachRow`, [typeof jsonLines === 'string' ? Buffer.from(jsonLines) : jsonLines], options),
    insertBlocks(table, columns, blocks, condition, options) {
      const names = Object.keys(columns).join(', ')
      const structure = Object.entries(columns).map(([name, type]) => `${name} ${type}`)
      const rows = `input('${structure.join(', ').replaceAll("'", "\\'")}')`
      return send(`insert into ${table} (${names}) select ${names} from ${rows} where ${condition} format Native`, blocks, options)
    },
    close: () => client.close(),
  }
}

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw withoutValues(error)
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host.startsWith('127.')
}

function defined(params: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined))
}
