import type { Keys } from '../privacy/keys.ts'
import type { Queryable } from '../store/postgres.ts'
import { numbers } from '../store/sql-arrays.ts'
import { maskOf } from './mask.ts'

/** An identifier as it may be shown. `ref` names it to the API without its value. */
export interface MaskedIdentifier {
  ref: string
  namespace: string
  /** Masked. */
  value: string
}

/** Identifiers by their hash; those that are not stored (any more) are shown without a value. */
export async function maskedIdentifiers(db: Queryable, keys: Keys, hashes: Iterable<string>): Promise<(hash: string) => MaskedIdentifier> {
  const rows = await db.query<{ hash: string; namespace: string; sealed: Buffer }>(
    'select hash::text, namespace, sealed from identifiers where hash = any($1::bigint[])',
    [numbers(new Set(hashes))],
  )
  const known = new Map(
    rows.map(({ hash, namespace, sealed }) => [
      hash,
      { ref: hash, namespace, value: maskOf(namespace, keys.open(sealed, `identifier:${namespace}`).toString()) },
    ]),
  )
  return hash => known.get(hash) ?? { ref: hash, namespace: 'unknown', value: '****' }
}
