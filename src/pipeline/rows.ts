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

/** @param personalValue what ClickHouse keeps of a trait: the value itself, or a keyed hash where it is personal */
export function rowsOf(range: Position, facts: readonly Fact[], personalValue: (key: string, value: Json) => Json): RangeRows {
  const events = { ids: [] as string[], lines: [] as string[] }
  const traits = { ids: [] as string[], lines: [] as string[] }
  const consents = { ids: [] as string[], lines: [] as string[] }
  for (const { position, leaf, event, identifiers } of facts) {
    const where = `{"leaf":${leaf},"ts":${event.ts},"received_at":${event.receivedAt},"position":${position},"range":${range},"source":${JSON.stringify(event.source)}`
    events.ids.push(`${position}`)
    events.lines.push(
      `${where},"event":${JSON.stringify(event.event)},"message_id":${JSON.stringify(event.messageId)},"channel":"${event.channel}","historical":${event.historical},"props":${JSON.stringify(event.props)},"context":${JSON.stringify(event.context)},"identifiers":${identifiers}}`,
    )
    for (const change of event.traits) {
      const value = JSON.stringify(traitValue(change, personalValue))
      traits.ids.push(`${position} ${change.key}`)
      traits.lines.push(
        `${where},"key":${JSON.stringify(change.key)},"op":"${change.op}","value":${value},"identifiers":${identifiers},"historical":${event.historical}}`,
      )
    }
    for (const { purpose, given } of event.consents) {
      consents.ids.push(`${position} ${purpose}`)
      consents.lines.push(`${where},"purpose":${JSON.stringify(purpose)},"given":${given}}`)
    }
  }
  return new Map(Object.entries({ events, traits, consents }).filter(([, { lines }]) => lines.length > 0) as [FactTable, { ids: string[]; lines: string[] }][])
}

/** Objects, and lists that hold more than plain values, are kept as their JSON text: rules look at values and lists of values only. */
function traitValue(change: TraitChange, personalValue: (key: string, value: Json) => Json): Json {
  if (change.op === 'unset') return null
  const value = personalValue(change.key, change.value)
  const isPlain = (json: Json) => json !== null && typeof json !== 'object'
  return isPlain(value) || (Array.isArray(value) && value.every(isPlain)) ? value : JSON.stringify(value)
}
