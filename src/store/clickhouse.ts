import { Readable } from 'node:stream'
import { ClickHouseLogLevel, createClient } from '@clickhouse/client'

export interface QueryOptions {
  signal?: AbortSignal
  queryId?: string
  settings?: Record<string, string | number>
}

/** The analytical store. Values travel only as `{name:Type}` parameters. */
export interface ClickHouse {
  query<T>(text: string, params?: Record<string, unknown>, options?: QueryOptions): Promise<T[]>
  stream<T>(text: string, params?: Record<string, unknown>, options?: QueryOptions): AsyncIterable<T>
  command(text: string, params?: Record<string, unknown>, options?: QueryOptions): Promise<void>
  /** Resolves when the rows (JSONEachRow) are on disk. */
  insert(table: string, jsonLines: string | Buffer, options?: QueryOptions): Promise<void>
  close(): Promise<void>
}

const settings = {
  async_insert: 0,
  wait_end_of_query: 1,
  // "2026-10-01" stays text: a property is what was sent.
  input_format_try_infer_dates: 0,
  input_format_try_infer_datetimes: 0,
  output_format_json_quote_64bit_integers: 0,
} as const

export function connectClickHouse(url: string, database?: string): ClickHouse {
  const client = createClient({
    url,
    ...(database ? { database } : {}),
    request_timeout: 600_000,
    max_open_connections: 20,
    keep_alive: { enabled: true },
    compression: { request: false, response: false },
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: settings as Record<string, string | number>,
  })
  const request = (params: Record<string, unknown> | undefined, options: QueryOptions | undefined) => ({
    ...(params ? { query_params: defined(params) } : {}),
    ...(options?.signal ? { abort_signal: options.signal } : {}),
    ...(options?.queryId ? { query_id: options.queryId } : {}),
    ...(options?.settings ? { clickhouse_settings: options.settings } : {}),
  })
  return {
    async query<T>(text: string, params?: Record<string, unknown>, options?: QueryOptions) {
      const answer = await client.query({ query: text, format: 'JSONEachRow', ...request(params, options) })
      return answer.json<T>()
    },
    async *stream<T>(text: string, params?: Record<string, unknown>, options?: QueryOptions) {
      const answer = await client.query({ query: text, format: 'JSONEachRow', ...request(params, options) })
      for await (const rows of answer.stream<T>()) for (const row of rows) yield row.json()
    },
    async command(text, params, options) {
      await client.command({ query: text, ...request(params, options) })
    },
    async insert(table, jsonLines, options) {
      const answer = await client.exec({
        query: `insert into ${table} format JSONEachRow`,
        values: Readable.from([typeof jsonLines === 'string' ? Buffer.from(jsonLines) : jsonLines], { objectMode: false }),
        ...request(undefined, options),
      })
      for await (const _ of answer.stream) {
        // The answer is empty; reading it to its end frees the connection.
      }
    },
    close: () => client.close(),
  }
}

function defined(params: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined))
}
