import { ClickHouseError } from '@clickhouse/client'
import pg from 'pg'

/**
 * An error of a store as it may be logged: engines quote the rows and values they stumble over, and those can be a person's. Code, type and
 * constraint stay, so that callers can tell what happened.
 */
export function withoutValues(error: unknown): unknown {
  if (error instanceof ClickHouseError) return withoutClickHouseValues(error)
  if (error instanceof pg.DatabaseError) return withoutPostgresValues(error)
  return error
}

/** Types whose sentence is about a value. */
const aboutData = /CANNOT_|INCORRECT_|PARSE|CONVERT|MISMATCH|UNKNOWN_ELEMENT|OUT_OF_BOUND|ATTEMPT_TO_READ|BAD_QUERY_PARAMETER|VALUE/

function withoutClickHouseValues(error: ClickHouseError): ClickHouseError {
  const { code, type = 'UNKNOWN' } = error
  // The rest of such a sentence is the statement itself, with values in the place of its parameters.
  const sentence = aboutData.test(type) ? '' : (error.message.split(/\b(?:in scope|in query|while )/i)[0] ?? '')
  error.message = `ClickHouse: ${type} (${code})${sentence === '' ? '' : `: ${sentence.trim()}`}`
  return retold(error)
}

function withoutPostgresValues(error: pg.DatabaseError): pg.DatabaseError {
  // Class 22: "invalid input syntax for type bigint: …"
  if (error.code?.startsWith('22')) error.message = `PostgreSQL cannot take a value (${error.code})`
  error.detail = undefined
  error.where = undefined
  error.internalQuery = undefined
  return retold(error)
}

/** The stack starts with the message as it was at first. */
function retold<E extends Error>(error: E): E {
  const frames = error.stack?.split('\n').filter(line => /^\s+at /.test(line)) ?? []
  error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n')
  return error
}
