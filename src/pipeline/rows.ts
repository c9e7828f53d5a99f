import type { Json, TraitChange } from '../collect/event.ts'
import type { Position } from '../log/position.ts'
import type { Draft, Kept } from './draft.ts'

/** One decided event: where it stands, which leaf it belongs to, and the keyed hashes of the identifiers it carried. */
export interface Fact {
  position: Position
  leaf: number
  event: Kept
  /** UInt64 in decimal, as JSON text: `["123","456"]`. */
  identifiers: string
}

/** The tables that hold facts, and what tells the rows of one range apart. */
export const idColumns = {
  events: 'toString(position)',
  traits: "concat(toString(position), ' ', key)",
  consents: "concat(toString(position), ' ', purpose)",
} as const
export type FactTable = keyof typeof idColumns

/** What of one range is to be in ClickHouse, per table; a table without rows has no entry. */
export type RangeRows = Map<FactTable, TableRows>

export interface TableRows {
  count: number
  /** The rows but for those whose ids are stored already; undefined where none is left. */
  without(stored: ReadonlySet<string>): TableBody | undefined
}

/** JSONEachRow, or Native blocks of `eventColumns`. */
export type TableBody = { lines: string[] } | { blocks: Buffer[] }

/** What ClickHouse keeps of a trait's change: the value itself, or, where it is personal, a keyed hash and its safe facets. Null unsets. */
export type TraitRows = (change: TraitChange) => readonly (readonly [key: string, value: Json])[]

/** @param facts of the events in the draft; those without are not stored */
export function rowsOf(draft: Draft, facts: readonly Fact[], traitRows: TraitRows): RangeRows {
  const traits = new Lines()
  const consents = new Lines()
  for (const { position, leaf, event, identifiers } of facts) {
    if (event.traits.length + event.consents.length === 0) continue
    const where = `{"leaf":${leaf},"ts":${event.ts},"received_at":${event.receivedAt},"position":${position},"range":${draft.range},"source":${JSON.stringify(event.source)}`
    for (const change of event.traits)
      for (const [key, value] of traitRows(change)) {
        const text = JSON.stringify(value)
        const kept = isPlain(value) ? text : `${JSON.stringify(text)},"json":true`
        traits.add(
          `${position} ${key}`,
          `${where},"key":${JSON.stringify(key)},"op":"${value === null ? 'unset' : 'set'}","value":${kept},"identifiers":${identifiers},"historical":${event.historical}}`,
        )
      }
    for (const { purpose, given } of event.consents)
      consents.add(`${position} ${purpose}`, `${where},"purpose":${JSON.stringify(purpose)},"given":${given}}`)
  }
  const tables: [FactTable, TableRows][] = [
    ['events', new Events(draft, facts)],
    ['traits', traits],
    ['consents', consents],
  ]
  return new Map(tables.filter(([, { count }]) => count > 0))
}

class Lines implements TableRows {
  readonly #ids: string[] = []
  readonly #lines: string[] = []

  get count(): number {
    return this.#lines.length
  }

  add(id: string, line: string): void {
    this.#ids.push(id)
    this.#lines.push(line)
  }

  without(stored: ReadonlySet<string>): TableBody | undefined {
    const lines = stored.size === 0 ? this.#lines : this.#lines.filter((_, index) => !stored.has(this.#ids[index] ?? ''))
    return lines.length > 0 ? { lines } : undefined
  }
}

class Events implements TableRows {
  readonly #draft: Draft
  readonly #facts: readonly Fact[]

  constructor(draft: Draft, facts: readonly Fact[]) {
    this.#draft = draft
    this.#facts = facts
  }

  get count(): number {
    return this.#facts.length
  }

  without(stored: ReadonlySet<string>): TableBody | undefined {
    const { range } = this.#draft
    const missing = stored.size === 0 ? this.#facts : this.#facts.filter(({ position }) => !stored.has(`${position}`))
    if (missing.length === 0) return undefined
    const size = (missing.at(-1)?.position ?? range) - range + 1
    const leaves = new Uint32Array(size)
    const identifiers = new Array<string>(size)
    for (const fact of missing) {
      leaves[fact.position - range] = fact.leaf
      identifiers[fact.position - range] = fact.identifiers
    }
    return { blocks: this.#draft.blocks({ leaves, identifiersAt: place => identifiers[place] ?? '[]' }) }
  }
}

/** Objects, and lists that hold more than plain values, are kept as their JSON text: rules look at values and lists of values only. */
function isPlain(value: Json): boolean {
  const isScalar = (json: Json) => json === null || typeof json !== 'object'
  return isScalar(value) || (Array.isArray(value) && value.every(one => one !== null && isScalar(one)))
}
