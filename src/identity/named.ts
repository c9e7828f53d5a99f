import { z } from '@hono/zod-openapi'
import type { Keys } from '../privacy/keys.ts'
import { Refusal } from '../refusal.ts'
import type { Queryable } from '../store/postgres.ts'
import type { NamespaceRule, NamespaceRules } from './namespace-rules.ts'
import { type Fault, readIdentifier } from './normalise.ts'

const identifier = z
  .strictObject({ namespace: z.string().openapi({ example: 'phone' }), value: z.string().openapi({ example: '199 0000 0001' }) })
  .openapi('Identifier')
const reference = z
  .strictObject({ ref: z.string().regex(/^-?\d{1,19}$/, 'a reference is one that the API gave') })
  .openapi('IdentifierReference', { example: { ref: '-4611686018427387904' } })

/** How a request names an identifier: by its value, or by the reference that an answer showed beside its mask. */
export const namedIdentifier = z.union([identifier, reference])
export type NamedIdentifier = z.infer<typeof namedIdentifier>

/** How a request names a person: by profile id or by an identifier. */
export const namedPerson = z.union([z.strictObject({ profile: z.string().regex(/^\d{1,10}$/) }), identifier, reference])
export type NamedPerson = z.infer<typeof namedPerson>

/** A stored identifier with what decides about it. */
export interface KnownIdentifier {
  hash: string
  rest: string
  rule: NamespaceRule
  /** 0: nobody's. */
  leaf: number
}

/** The stored identifier of that name; undefined where it was never seen, a fault where the value is no identifier. */
export async function knownIdentifier(
  db: Queryable,
  rules: NamespaceRules,
  keys: Keys,
  named: NamedIdentifier,
): Promise<KnownIdentifier | undefined | Fault> {
  const read = 'ref' in named ? undefined : readIdentifier(rules, keys, named.namespace, named.value)
  if (typeof read === 'string') return read
  const [row] = await db.query<{ hash: string; rest: string; namespace: string; leaf: number }>(
    'select hash::text, rest::text, namespace, leaf from identifiers where hash = $1::bigint',
    ['ref' in named ? inRange(named.ref) : read?.hash],
  )
  const rule = row && rules.of(row.namespace)
  if (!row || !rule || (read && read.rest !== row.rest)) return undefined
  return { hash: row.hash, rest: row.rest, rule, leaf: row.leaf }
}

/** @throws Refusal where it is unknown or no identifier */
export async function identifierNamed(db: Queryable, rules: NamespaceRules, keys: Keys, named: NamedIdentifier): Promise<KnownIdentifier> {
  const known = await knownIdentifier(db, rules, keys, named)
  if (typeof known === 'string')
    throw new Refusal(400, 'unusable-identifier', 'This value cannot be an identifier of its namespace; check its form.', [
      { path: 'value', message: known },
    ])
  if (!known) throw new Refusal(404, 'no-such-identifier', 'This identifier was never seen.')
  return known
}

function inRange(ref: string): string {
  const hash = BigInt(ref)
  if (BigInt.asIntN(64, hash) !== hash) throw new Refusal(404, 'no-such-identifier', 'This identifier was never seen.')
  return ref
}
