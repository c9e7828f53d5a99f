import type { Json } from '../../../src/collect/event.ts'
import { hiddenTrait } from '../../../src/dictionary/personal.ts'
import type { Candidate } from '../../../src/profiles/candidates.ts'
import { keys } from '../server.ts'
import { isDeepEqual } from './facts.ts'
import type { Stored, StoredTrait } from './stored.ts'
import { emptyVerdict, type Verdict } from './verdict.ts'

/**
 * The traits of each leaf in PostgreSQL are the fold of its rows in ClickHouse: per key what each source said last, and the earliest value.
 * Personal values are compared by their keyed hashes, and their facets, which are nobody's own trait, are left out.
 */
export function judgeProfiles({ traits, leafTraits }: Stored): Verdict {
  const verdict = emptyVerdict()
  const rows = Map.groupBy(
    traits.filter(({ key }) => !key.includes('.')),
    ({ leaf, key }) => `${leaf} ${key}`,
  )
  for (const [name, history] of rows) {
    const [leaf = '', key = ''] = name.split(' ')
    const known = leafTraits.get(Number(leaf))
    const personal = known?.personal.get(key)
    const candidates = personal?.map(one => hidden(key, one)) ?? known?.traits.get(key)?.map(flat)
    const expected = fold(history)
    if (!candidates) verdict.torn.push(`leaf ${leaf} has ${history.length} rows of ${key}, and its profile none`)
    else if (!isSame(candidates, expected))
      verdict.torn.push(`${key} of leaf ${leaf} is ${JSON.stringify(candidates)}, and its rows fold to ${JSON.stringify(expected)}`)
  }
  for (const [leaf, known] of leafTraits)
    for (const key of [...known.traits.keys(), ...known.personal.keys()])
      if (!rows.has(`${leaf} ${key}`)) verdict.torn.push(`the profile of leaf ${leaf} knows ${key}, of which there is no row`)
  return verdict
}

function fold(history: readonly StoredTrait[]): Candidate[] {
  const ordered = history
    .map(({ source, op, value, at, position }): Candidate => [source, op === 'unset' ? null : value, at, position])
    .sort((a, b) => a[2] - b[2] || a[3] - b[3])
  const earliest = ordered.find(([, value]) => value !== null)
  const lastOf = new Map(ordered.map(candidate => [candidate[0], candidate]))
  return [...new Set([...(earliest ? [earliest] : []), ...lastOf.values()])]
}

function isSame(one: readonly Candidate[], other: readonly Candidate[]): boolean {
  const inOrder = (candidates: readonly Candidate[]) => candidates.toSorted((a, b) => a[3] - b[3])
  return isDeepEqual(inOrder(one), inOrder(other))
}

function hidden(key: string, [source, value, ts, position]: Candidate): Candidate {
  return [source, hiddenTrait(key, value, keys.blindIndex), ts, position]
}

function flat([source, value, ts, position]: Candidate): Candidate {
  return [source, isNested(value) ? JSON.stringify(value) : value, ts, position]
}

function isNested(value: Json): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
