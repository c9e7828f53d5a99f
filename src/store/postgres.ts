import pg from 'pg'
import { asArray } from './sql-arrays.ts'
import { withoutValues } from './without-values.ts'

/** Something that answers SQL: the pool, or one transaction. Values are always bound (`$1`); int8 comes back as a number where it is safe. */
export interface Queryable {
  query<T>(text: string, values?: readonly unknown[]): Promise<T[]>
}

export interface Postgres extends Queryable {
  /** Commits what `work` did, or rolls it back and throws what `work` threw. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>
  close(): Promise<void>
}

const int8 = 20

/** int8 as a number where that is exact, as text where it is not. */
function fromInt8(text: string): number | string {
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : text
}

export function connectPostgres(url: string, options: { connections?: number } = {}): Postgres {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.connections ?? 10,
    application_name: 'zhike',
    keepAlive: true,
    connectionTimeoutMillis: 30_000,
    // Days and hours in statements mean the same on every server.
    onConnect: async client => void (await client.query(`set timezone to 'UTC'`)),
    types: {
      getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
        oid === int8 ? fromInt8 : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
    },
  })
  // A connection that dies while idle is replaced at the next query; without a listener it would end the process.
  pool.on('error', lost)
  return {
    query: <T>(text: string, values?: readonly unknown[]) => rowsOf<T>(pool, text, values),
    async transaction(work) {
      const client = await pool.connect()
      // Likewise one that dies while the transaction waits for something else: its next statement fails.
      client.on('error', lost)
      let broken = false
      try {
        await client.query('begin')
        const result = await work({ query: <T>(text: string, values?: readonly unknown[]) => rowsOf<T>(client, text, values) })
        await client.query('commit')
        return result
      } catch (error) {
        broken = await client.query('rollback').then(
          () => false,
          () => true,
        )
        throw withoutValues(error)
      } finally {
        client.off('error', lost)
        client.release(broken)
      }
    },
    close: () => pool.end(),
  }
}

async function rowsOf<T>(asked: pg.Pool | pg.PoolClient, text: string, values: readonly unknown[] | undefined): Promise<T[]> {
  try {
    return (await asked.query(text, values?.map(asArray))).rows as T[]
  } catch (error) {
    throw withoutValues(error)
  }
}

function lost(): void {}
