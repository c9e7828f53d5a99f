import { blockedBy } from './blocked-values.ts'
import { formats, type Normaliser } from './formats.ts'
import type { NamespaceDocument } from './namespaces.ts'

/** A namespace document made ready for a full name: `openid:wx1` and `openid:wx2` have a rule each, so each has its own limit. */
export interface NamespaceRule {
  /** The full name, with its scope. */
  name: string
  key: string
  linkClass: 'strong' | 'weak' | 'none'
  /** Smaller is stronger, over all classes. */
  rank: number
  unique: boolean
  limit: number
  windowMs: number
  shareable: boolean
  proposeAt: number
  blockAt: number
  normalise: Normaliser
  isBlocked: (value: string) => boolean
}

export interface NamespaceRules {
  /** The rule of a name as it came; undefined where the name itself cannot be one. Unknown types get a rule that links nothing. */
  of(name: string): NamespaceRule | undefined
}

const knownNames = 10_000
const classRank = { strong: 0, weak: 100_000, none: 200_000 } as const
const unitMs = { h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

export function namespaceRules(documents: readonly NamespaceDocument[]): NamespaceRules {
  const byKey = new Map(documents.map(document => [document.key, { document, isBlocked: blockedBy(document.blocked) }]))
  const nobodys = blockedBy([])
  const rules = new Map<string, NamespaceRule>()
  return {
    of(name) {
      const known = rules.get(name)
      if (known) return known
      if (!/^[A-Za-z$][A-Za-z0-9_$.-]{0,63}(?::[A-Za-z0-9_.-]{1,64})?$/.test(name)) return undefined
      const [key = '', scope] = name.split(':')
      const configured = byKey.get(key)
      const fits = configured && scopeFits(configured.document, scope)
      const rule = fits ? ruleOf(name, configured.document, configured.isBlocked) : unknownRule(name, key, nobodys)
      if (rules.size < knownNames) rules.set(name, rule)
      return rule
    },
  }
}

function scopeFits({ scope: wanted }: NamespaceDocument, scope: string | undefined): boolean {
  return wanted === 'optional' || (wanted === 'required') === (scope !== undefined)
}

function ruleOf(name: string, document: NamespaceDocument, isBlocked: (value: string) => boolean): NamespaceRule {
  return {
    name,
    key: document.key,
    linkClass: document.class,
    rank: classRank[document.class] + document.priority,
    unique: document.unique,
    limit: document.limit ?? Number.POSITIVE_INFINITY,
    windowMs: windowMs(document.window),
    shareable: document.class === 'weak' || document.disputed === 'share',
    proposeAt: document.learn.propose ?? Number.POSITIVE_INFINITY,
    blockAt: document.learn.block ?? Number.POSITIVE_INFINITY,
    normalise: formats[document.format],
    isBlocked,
  }
}

function unknownRule(name: string, key: string, isBlocked: (value: string) => boolean): NamespaceRule {
  return {
    name,
    key,
    linkClass: 'none',
    rank: classRank.none,
    unique: false,
    limit: Number.POSITIVE_INFINITY,
    windowMs: Number.POSITIVE_INFINITY,
    shareable: false,
    proposeAt: Number.POSITIVE_INFINITY,
    blockAt: Number.POSITIVE_INFINITY,
    normalise: formats.text,
    isBlocked,
  }
}

function windowMs(window: string | undefined): number {
  if (!window) return Number.POSITIVE_INFINITY
  return Number.parseInt(window, 10) * unitMs[window.at(-1) as keyof typeof unitMs]
}
