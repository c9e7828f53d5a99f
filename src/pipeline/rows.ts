import type { CanonicalEvent, Json, TraitChange } from '../collect/event.ts'
import type { Position } from '../log/position.ts'

/** One decided event: where it stands, which leaf it belongs to, and the keyed hashes of the identifiers it carried. */
export interface Fact {
  position: Position
  leaf: number
  event: CanonicalEvent
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

/** The rows of one range as JSONEachRow lines, per table; a table without rows has no entry. */
export type RangeRows = Map<FactTable, { ids: string[]; lines: string[] }>

/** What ClickHouse keeps of a trait's change: the value itself, or, where it is personal, a keyed hash and its safe facets. Null unsets. */
export type TraitRows = (change: TraitChange) => readonly (readonly [key: string, value: Json])[]

export function rowsOf(range: Position, facts: readonly Fact[], traitRows: TraitRows): RangeRows {
  const events = { ids: [] as string[], lines: [] as string[] }
  const traits = { ids: [] as string[], lines: [] as string[] }
  const consents = { ids: [] as string[], lines: [] as string[] }
  for (const { position, leaf, event, identifiers } of facts) {
    const where = `{"leaf":${leaf},"ts":${event.ts},"received_at":${event.receivedAt},"position":${position},"range":${range},"source":${JSON.stringify(event.source)}`
    events.ids.push(`${position}`)
    events.lines.push(
      `${where},"event":${JSON.stringify(event.event)},"message_id":${JSON.stringify(event.messageId)},"channel":"${event.channel}","historical":${event.historical},"props":${JSON.stringify(event.props)},"context":${JSON.stringify(event.context)},"identifiers":${identifiers}}`,
    )
    for (const change of event.traits)
      for (const [key, value] of traitRows(change)) {
        traits.ids.push(`${position} ${key}`)
        const text = JSON.stringify(value)
        const kept = isPlain(value) ? text : `${JSON.stringify(text)},"json":true`
        traits.lines.push(
          `${where},"key":${JSON.stringify(key)},"op":"${value === null ? 'unset' : 'set'}","value":${kept},"identifiers":${identifiers},"historical":${event.historical}}`,
        )
      }
    for (const { purpose, given } of event.consents) {
      consents.ids.push(`${position} ${purpose}`)
      consents.lines.push(`${where},"purpose":${JSON.stringify(purpose)},"given":${given}}`)
    }
  }
  return new Map(
    Object.entries({ events, traits, consents }).filter(([, { lines }]) => lines.length > 0) as [
      FactTable,
      { ids: string[]; lines: string[] },
    ][],
  )
}

/** Objects, and lists that hold more than plain values, are kept as their JSON text: rules look at values and lists of values only. */
function isPlain(value: Json): boolean {
  const isScalar = (json: Json) => json === null || typeof json !== 'object'
  return isScalar(value) || (Array.isArray(value) && value.every(one => one !== null && isScalar(one)))
}
