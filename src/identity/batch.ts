import type { Identifier, IdentityOperation } from '../collect/event.ts'
import type { Position } from '../log/position.ts'
import type { LinkRule } from './decide.ts'
import type { Fault, Reader, Usable } from './normalise.ts'

/** Identifiers that came together in one event. */
export interface IdentityFact {
  position: Position
  ts: number
  source: string
  identifiers: readonly Identifier[]
  operation?: IdentityOperation | undefined
}

/** The same with its usable identifiers as numbers, strongest first. */
export interface BatchFact {
  position: Position
  ts: number
  source: string
  slots: number[]
  what: 'together' | 'unbind'
  rule: LinkRule
  /** Why its first unusable identifier is not used. */
  fault: Fault | 'missing' | undefined
}

/** An event needs few identifiers; the rest of a flood of them is not looked at. */
const identifiersPerFact = 100

/** What both JavaScript and PostgreSQL can say: a wrong clock must not stop a batch. */
const [earliest, latest] = [-6e13, 8.64e15]

/** Gives each distinct identifier of a batch a number. */
export class Slots {
  readonly wanted: Usable[] = []
  readonly #read: Reader
  readonly #slots = new Map<Usable, number>()
  readonly #byHash = new Map<string, number>()

  constructor(read: Reader) {
    this.#read = read
  }

  take({ position, ts, source, identifiers, operation }: IdentityFact): BatchFact {
    const alias = operation?.kind === 'alias'
    const { usable, fault } = this.#usable(alias ? [...identifiers, operation.previous] : identifiers)
    const slots = usable.map(one => this.#slot(one))
    const distinct = slots.length < 2 ? slots : [...new Set(slots)]
    return {
      position,
      ts: Math.min(Math.max(ts, earliest), latest),
      source,
      slots: distinct,
      what: operation?.kind === 'unbind' ? 'unbind' : 'together',
      rule: alias ? 'alias' : 'together',
      fault,
    }
  }

  #usable(identifiers: readonly Identifier[]): { usable: Usable[]; fault: BatchFact['fault'] } {
    const usable: Usable[] = []
    let fault: BatchFact['fault'] = identifiers.length === 0 ? 'missing' : undefined
    let sorted = true
    let rank = 0
    for (const identifier of identifiers.length > identifiersPerFact ? identifiers.slice(0, identifiersPerFact) : identifiers) {
      const read = this.#read(identifier)
      if (typeof read === 'string') fault ??= read
      else {
        sorted &&= read.rule.rank >= rank
        rank = read.rule.rank
        usable.push(read)
      }
    }
    return { usable: sorted ? usable : usable.sort((a, b) => a.rule.rank - b.rule.rank), fault }
  }

  #slot(usable: Usable): number {
    const known = this.#slots.get(usable) ?? this.#byHash.get(usable.hash)
    if (known !== undefined) return known
    const next = this.wanted.length
    this.#slots.set(usable, next)
    this.#byHash.set(usable.hash, next)
    this.wanted.push(usable)
    return next
  }
}
