import type { Identifier } from '../collect/event.ts'
import type { Keys } from '../privacy/keys.ts'
import type { NamespaceRule, NamespaceRules } from './namespace-rules.ts'

/** Longer values are nobody's identifier, and are not stored. */
const longestBytes = 512

/** Why a value is not used. */
export type Fault = 'namespace' | 'too-long' | 'empty' | 'invalid' | 'blocked'

export interface Usable {
  rule: NamespaceRule
  /** In the one way of writing it. */
  value: string
  /** The blind index: signed and, for ClickHouse, unsigned decimal text. */
  hash: string
  unsigned: string
  rest: string
}

/** Reads identifiers and remembers what it has read: most come many times. */
export type Reader = (identifier: Identifier) => Usable | Fault

/** Values remembered per namespace and generation; two generations are kept. */
const remembered = 10_000

export function readerOf(rules: NamespaceRules, keys: Keys): Reader {
  const byNamespace = new Map<string, { young: Map<string, Usable | Fault>; old: Map<string, Usable | Fault> }>()
  return ({ namespace, value }) => {
    // What is too long to be stored is too long to be remembered.
    if (value.length > longestBytes) return readIdentifier(rules, keys, namespace, value)
    let seen = byNamespace.get(namespace)
    if (!seen) {
      // Names that somebody invents do not fill the memory.
      if (byNamespace.size >= 1_000) byNamespace.clear()
      seen = { young: new Map(), old: new Map() }
      byNamespace.set(namespace, seen)
    }
    const young = seen.young.get(value)
    if (young !== undefined) return young
    const read = seen.old.get(value) ?? readIdentifier(rules, keys, namespace, value)
    if (seen.young.size >= remembered) {
      seen.old = seen.young
      seen.young = new Map()
    }
    seen.young.set(value, read)
    return read
  }
}

export function readIdentifier(rules: NamespaceRules, keys: Keys, namespace: string, raw: string): Usable | Fault {
  const rule = rules.of(namespace)
  if (!rule) return 'namespace'
  if (raw.length > longestBytes || Buffer.byteLength(raw) > longestBytes) return 'too-long'
  if (raw.trim() === '') return 'empty'
  if (rule.isBlocked(raw.trim())) return 'blocked'
  const value = rule.normalise(raw)
  if (value === undefined) return 'invalid'
  if (rule.isBlocked(value)) return 'blocked'
  const { hash, rest } = keys.blindIndex(rule.name, value)
  return { rule, value, hash: hash.toString(), unsigned: BigInt.asUintN(64, hash).toString(), rest: rest.toString() }
}
