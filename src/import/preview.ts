import type { CanonicalEvent, Json } from '../collect/event.ts'
import { showsPersonal } from '../dictionary/personal.ts'
import { isPersonal, sortOfKey } from '../dictionary/personal-keys.ts'
import { maskOf as maskIdentifier } from '../identity/mask.ts'
import { maskOf as maskTrait } from '../profiles/mask.ts'
import type { Refusal } from '../refusal.ts'
import { type FileShape, rowsOf, type Sample, shapeOf } from './inspect.ts'
import { type MappingDocument, readMapping } from './mapping/mapping.ts'
import { isFault, leftOut, rowMapper } from './mapping/row-mapper.ts'
import { observe } from './propose/observed.ts'
import { proposeMapping } from './propose/propose.ts'
import type { RowFault } from './readers/rows.ts'
import { columnsFor } from './reading.ts'

/** The first rows of a file as they would become. */
export interface Preview {
  shape: Pick<FileShape, 'kind' | 'delimiter' | 'header'>
  /** The given one, or a proposal. */
  mapping: MappingDocument
  /** What to look at in a proposal. */
  notes: string[]
  rows: PreviewedRow[]
}

export type PreviewedRow =
  | { line: number; event: Pick<CanonicalEvent, 'event' | 'identifiers' | 'traits' | 'props' | 'consents' | 'messageId'> & { ts: string } }
  | { line: number; rejected: RowFault }
  | { line: number; leftOut: true }

export interface PreviewSetting {
  name: string
  zone: string
  now: number
  rows: number
}

/**
 * Shows what a mapping makes of the first rows, or proposes one where none is given. Personal values are masked.
 * @throws Refusal when the file or the mapping cannot be used
 */
export function previewOf(sample: Sample, document: unknown, { name, zone, now, rows }: PreviewSetting): Preview {
  const given = document === undefined ? undefined : readMapping(document)
  const shape = shapeOf(sample, given?.format, name)
  const { mapping: document_, notes } = given
    ? { mapping: document as MappingDocument, notes: [] }
    : proposeMapping(observe(rowsOf(sample, shape), shape.header), name, zone)
  const shown = { kind: shape.kind, header: shape.header, ...(shape.delimiter ? { delimiter: shape.delimiter } : {}) }
  const mapping = given ?? proposed(document_)
  if (!mapping) return { shape: shown, mapping: document_, notes, rows: [] }

  const known = columnsFor(shape, mapping)
  const block = rowsOf(sample, known)
  const map = rowMapper(mapping, known.header, { source: mapping.source ?? 'import', zone, receivedAt: now, messagePrefix: 'import/…/' })
  const previewed = Array.from({ length: Math.min(rows, block.count) }, (_, row): PreviewedRow => {
    const line = block.lineOf(row)
    const mapped = map(block, row)
    if (mapped === leftOut) return { line, leftOut: true }
    return isFault(mapped) ? { line, rejected: mapped } : { line, event: masked(mapped) }
  })
  return { shape: shown, mapping: document_, notes, rows: previewed }
}

/** Undefined where a proposal lacks what nobody could guess: the notes say what. */
function proposed(document: MappingDocument) {
  try {
    return readMapping(document)
  } catch (error) {
    if ((error as Refusal).code === 'mapping-refused') return undefined
    throw error
  }
}

function masked({ event, ts, identifiers, traits, props, consents, messageId }: CanonicalEvent) {
  return {
    event,
    ts: new Date(ts).toISOString(),
    messageId: showsPersonal('message_id', messageId) ? '****' : messageId,
    identifiers: identifiers.map(({ namespace, value }) => ({ namespace, value: maskIdentifier(namespace, value) })),
    traits: traits.map(change => (change.op === 'set' ? { ...change, value: maskedValue(change.key, change.value, 'person') } : change)),
    props: Object.fromEntries(Object.entries(props).map(([key, value]) => [key, maskedValue(key, value, 'thing')])),
    consents,
  }
}

function maskedValue<V extends Json>(key: string, value: V, place: 'person' | 'thing'): V {
  const isHidden = isPersonal(sortOfKey(key, place)) || (typeof value === 'string' && showsPersonal(key, value))
  return isHidden ? (maskTrait(key, value) as V) : value
}
