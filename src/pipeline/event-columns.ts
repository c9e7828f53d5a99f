import type { CanonicalEvent } from '../collect/event.ts'
import type { Position } from '../log/position.ts'
import { type NativeColumn, nativeBlock } from '../store/native/block.ts'
import { Bytes } from '../store/native/bytes.ts'
import { JsonPaths } from '../store/native/json-paths.ts'
import { Integers } from '../store/native/numbers.ts'

const moment = "DateTime64(3, 'UTC')"
const json = 'JSON(max_dynamic_paths = 256)'

/** The columns of `events` and what they are inserted as. */
export const eventColumns = {
  leaf: 'UInt32',
  ts: moment,
  received_at: moment,
  position: 'UInt64',
  range: 'UInt64',
  event: 'String',
  message_id: 'String',
  source: 'String',
  channel: 'String',
  historical: 'Bool',
  props: json,
  context: json,
  identifiers: 'Array(UInt64)',
} as const

/** What became of the events of a range. */
export interface Outcome {
  range: Position
  /** The leaf of the event at each place, 0 where nothing is stored. */
  leaves: Uint32Array
  /** The hashes of its identifiers: UInt64 in decimal, as JSON text. */
  identifiersAt(place: number): string
}

/** A JSON column as text, for what has no plain paths. */
class JsonText {
  readonly #texts = new Bytes()

  add(_row: number, object: object): void {
    this.#texts.text(JSON.stringify(object))
  }

  written(): Buffer[] {
    return [this.#texts.written]
  }
}

/** Events as the columns of `events`: all but whose they are, which is decided later. */
export class EventColumns {
  readonly #places: number[] = []
  readonly #times = new Integers()
  readonly #arrivals = new Integers()
  readonly #names = new Bytes()
  readonly #messages = new Bytes()
  readonly #sources = new Bytes()
  readonly #channels = new Bytes()
  readonly #historical = new Bytes()
  readonly #props: JsonPaths | JsonText
  readonly #context: JsonPaths | JsonText

  constructor(how: 'paths' | 'text') {
    this.#props = how === 'paths' ? new JsonPaths() : new JsonText()
    this.#context = how === 'paths' ? new JsonPaths() : new JsonText()
  }

  fits({ props, context }: CanonicalEvent): boolean {
    const fits = (column: JsonPaths | JsonText, object: CanonicalEvent['props']) => column instanceof JsonText || column.fits(object)
    return fits(this.#props, props) && fits(this.#context, context)
  }

  /** @param event without personal data */
  add(place: number, event: CanonicalEvent): void {
    const row = this.#places.length
    this.#places.push(place)
    this.#times.add(event.ts)
    this.#arrivals.add(event.receivedAt)
    this.#names.text(event.event)
    this.#messages.text(event.messageId)
    this.#sources.text(event.source)
    this.#channels.text(event.channel)
    this.#historical.byte(event.historical ? 1 : 0)
    this.#props.add(row, event.props)
    this.#context.add(row, event.context)
  }

  /** A block of rows; those of leaf 0 are not to be stored. */
  block(outcome: Outcome): Buffer[] {
    const rows = this.#places.length
    if (rows === 0) return []
    const jsonType = this.#props instanceof JsonText ? 'String' : json
    const values: Record<keyof typeof eventColumns, { type?: string; values: readonly Buffer[] }> = {
      ...this.#decided(outcome),
      ts: { values: [this.#times.written] },
      received_at: { values: [this.#arrivals.written] },
      event: { values: [this.#names.written] },
      message_id: { values: [this.#messages.written] },
      source: { values: [this.#sources.written] },
      channel: { values: [this.#channels.written] },
      historical: { values: [this.#historical.written] },
      props: { type: jsonType, values: this.#props.written(rows) },
      context: { type: jsonType, values: this.#context.written(rows) },
    }
    return nativeBlock(
      rows,
      Object.entries(eventColumns).map(([name, type]): NativeColumn => ({ name, type, ...values[name as keyof typeof eventColumns] })),
    )
  }

  #decided({ range, leaves, identifiersAt }: Outcome): Record<'leaf' | 'position' | 'range' | 'identifiers', { values: Buffer[] }> {
    const rows = this.#places.length
    const leaf = new Uint32Array(rows)
    const positions = new Integers(rows)
    const ranges = new Integers(rows)
    const ends = new Integers(rows)
    const hashes = new Integers(2 * rows)
    for (let row = 0; row < rows; row++) {
      const place = this.#places[row] as number
      leaf[row] = leaves[place] as number
      positions.add(range + place)
      ranges.add(range)
      if (leaf[row] !== 0) addHashes(hashes, identifiersAt(place))
      ends.add(hashes.count)
    }
    return {
      leaf: { values: [Buffer.from(leaf.buffer)] },
      position: { values: [positions.written] },
      range: { values: [ranges.written] },
      identifiers: { values: [ends.written, hashes.written] },
    }
  }
}

const quote = 34

/** `["123","456"]` */
function addHashes(hashes: Integers, text: string): void {
  for (let at = 2; at < text.length; at += 3) {
    const from = at
    while (text.charCodeAt(at) !== quote) at++
    hashes.addDecimal(text, from, at)
  }
}
