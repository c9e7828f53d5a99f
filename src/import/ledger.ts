import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { wordsPerPrint } from './fingerprint.ts'

/** A set of prints on disk that forgets nothing; the pipeline's memory of messages with an endless window is one. */
export interface SeenRows {
  /** Per print 1 where it is new, 0 where it is known or comes before in the list. */
  probe(prints: Uint32Array): Promise<Uint8Array>
  /** Remembers the prints that are marked 1. */
  remember(prints: Uint32Array, fresh: Uint8Array, through: number): Promise<void>
  readonly rememberedThrough: number
  flush(): Promise<void>
  close(): Promise<void>
}

/** @param inMemory prints that may stay in memory before they go to disk */
export type OpenSeenRows = (directory: string, inMemory?: number) => Promise<SeenRows>

export interface LedgerOptions {
  openSeenRows: OpenSeenRows
  /** What earlier imports brought; undefined where they do not count. */
  known: string | undefined
  /** Where this import keeps what it has read. */
  directory: string
  /** Rows before the checkpoint. */
  rowsRead: number
  /** The mapping says what tells rows apart: two rows with the same are the same. Otherwise identical rows of one file are as many facts. */
  keyed: boolean
}

const bytesPerPrint = wordsPerPrint * 4
/** The last 16 bits of a print: what became of its row. */
const taken = 1
const repeated = 2
const printsInMemory = 390_000
const printsPerRead = 65_536

/**
 * Which rows were imported before, by this file or an earlier one. What this import reads is kept in a journal, a print per row, cut to the
 * checkpoint when the import is taken up again; earlier imports learn of it when it ends.
 */
export class Ledger {
  readonly #options: LedgerOptions
  readonly #journal: FileHandle
  readonly #known: SeenRows | undefined
  readonly #own: SeenRows
  #closing: Promise<void> | undefined

  static async open(options: LedgerOptions): Promise<Ledger> {
    const own = `${options.directory}/own`
    await rm(own, { recursive: true, force: true })
    await mkdir(options.directory, { recursive: true, mode: 0o700 })
    const journal = await open(`${options.directory}/journal`, options.rowsRead > 0 ? 'r+' : 'w+', 0o600)
    const length = options.rowsRead * bytesPerPrint
    if ((await journal.stat()).size < length) throw new Error('the journal of the import is shorter than its checkpoint says')
    await journal.truncate(length)
    const known = options.known === undefined ? undefined : await options.openSeenRows(options.known)
    const ledger = new Ledger(options, journal, known, await options.openSeenRows(own, printsInMemory))
    for await (const prints of ledger.#written()) await remember(ledger.#own, prints)
    return ledger
  }

  constructor(options: LedgerOptions, journal: FileHandle, known: SeenRows | undefined, own: SeenRows) {
    this.#options = options
    this.#journal = journal
    this.#known = known
    this.#own = own
  }

  /**
   * Says which rows are new (1), repeat earlier ones (0), and writes that down durably. The batch counts once it is committed; if it never
   * is, the import ends here and is taken up again from its checkpoint.
   * @param prints of consecutive rows from `firstRow` on; all zero where there is no row. Marked with what became of them.
   */
  async decide(prints: Uint32Array, firstRow: number): Promise<Uint8Array> {
    const rows = occupied(prints)
    const asked = gathered(prints, rows)
    const isNew = this.#options.keyed ? await this.#own.probe(asked) : await this.#numberCopies(asked)
    const known = await this.#known?.probe(asked)
    const fresh = new Uint8Array(prints.length / wordsPerPrint)
    for (const [index, row] of rows.entries()) {
      fresh[row] = isNew[index] && (known?.[index] ?? 1) ? 1 : 0
      prints.set(asked.subarray(index * wordsPerPrint, (index + 1) * wordsPerPrint), row * wordsPerPrint)
      mark(prints, row, fresh[row] ? taken : repeated)
    }
    await remember(this.#own, asked)
    await this.#journal.write(bytesOf(prints), 0, prints.byteLength, firstRow * bytesPerPrint)
    await this.#journal.datasync()
    return fresh
  }

  /** The rows were not imported after all, and may come again. */
  async forget(rows: readonly number[]): Promise<void> {
    for (const row of rows) await this.#journal.write(new Uint8Array(bytesPerPrint), 0, bytesPerPrint, row * bytesPerPrint)
    if (rows.length > 0) await this.#journal.datasync()
  }

  /** Hands what this import brought to those that come after it. May be repeated. */
  async handOver(directory: string): Promise<void> {
    const isKnown = directory === this.#options.known && this.#known !== undefined
    const target = isKnown ? (this.#known as SeenRows) : await this.#options.openSeenRows(directory)
    for await (const prints of this.#written()) {
      const rows = occupied(prints).filter(row => !isKnown || markOf(prints, row) === taken)
      await remember(target, gathered(prints, rows))
    }
    await target.flush()
    if (!isKnown) await target.close()
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all([this.#journal.close(), this.#known?.close(), this.#own.close()]).then(() => undefined)
    return this.#closing
  }

  /** The n-th copy of a row within the file gets a print of its own, so all are new within the file then. */
  async #numberCopies(prints: Uint32Array): Promise<Uint8Array> {
    const fresh = await this.#own.probe(prints)
    const copies = Map.groupBy(indexesOf(fresh, 0), row => textOf(prints, row))
    const groups = [...copies.values()]
    const earlier = await this.#countCopies(prints, groups)
    for (const [group, rows] of groups.entries()) {
      // Where the file had none before this batch, the first copy is the batch's own and counts as new already.
      const next = Math.max(earlier[group] ?? 0, 1)
      for (const [index, row] of rows.entries()) asCopy(prints, row, next + index)
    }
    return fresh.fill(1)
  }

  /** How many copies of each row came before this batch. They are numbered without gaps, so a search by halves finds the last. */
  async #countCopies(prints: Uint32Array, groups: readonly number[][]): Promise<number[]> {
    const found = groups.map(([row = 0]) => ({ row, present: -1, absent: Number.POSITIVE_INFINITY }))
    for (;;) {
      const open = found.filter(({ present, absent }) => absent - present > 1)
      if (open.length === 0) return found.map(({ absent }) => absent)
      const tried = open.map(({ present, absent }) =>
        absent === Number.POSITIVE_INFINITY ? 2 * present + 2 : Math.floor((present + absent) / 2),
      )
      const asked = gathered(
        prints,
        open.map(({ row }) => row),
      )
      for (const [index, copy] of tried.entries()) asCopy(asked, index, copy)
      const unknown = await this.#own.probe(asked)
      for (const [index, group] of open.entries()) {
        const copy = tried[index] ?? 0
        if (unknown[index]) group.absent = copy
        else group.present = copy
      }
    }
  }

  async *#written(): AsyncGenerator<Uint32Array> {
    const { size } = await this.#journal.stat()
    for (let at = 0; at < size; ) {
      const prints = new Uint32Array(Math.min(printsPerRead, (size - at) / bytesPerPrint) * wordsPerPrint)
      const { bytesRead } = await this.#journal.read(bytesOf(prints), 0, prints.byteLength, at)
      if (bytesRead !== prints.byteLength) throw new Error('the journal of the import ends too early')
      at += bytesRead
      yield prints
    }
  }
}

/** The rows that have a print. */
function occupied(prints: Uint32Array): number[] {
  const rows: number[] = []
  for (let at = 0; at < prints.length; at += wordsPerPrint) {
    if (prints[at] || prints[at + 1] || prints[at + 2] || prints[at + 3]) rows.push(at / wordsPerPrint)
  }
  return rows
}

/** The prints of these rows one after the other, their last 16 bits as the memory of rows wants them: always the same. */
function gathered(prints: Uint32Array, rows: readonly number[]): Uint32Array {
  const some = new Uint32Array(rows.length * wordsPerPrint)
  for (let index = 0; index < rows.length; index++) {
    const at = (rows[index] as number) * wordsPerPrint
    for (let word = 0; word < wordsPerPrint; word++) some[index * wordsPerPrint + word] = prints[at + word] as number
    mark(some, index, taken)
  }
  return some
}

function mark(prints: Uint32Array, row: number, what: number): void {
  const at = row * wordsPerPrint + 3
  prints[at] = (((prints[at] as number) & 0xffff0000) | what) >>> 0
}

function markOf(prints: Uint32Array, row: number): number {
  return (prints[row * wordsPerPrint + 3] as number) & 0xffff
}

/** The print of the n-th copy of a row, from that of the row itself (copy 0). */
function asCopy(prints: Uint32Array, row: number, copy: number): void {
  const at = row * wordsPerPrint
  prints[at] = ((prints[at] as number) + Math.imul(copy, 0x9e3779b1)) >>> 0
  prints[at + 1] = ((prints[at + 1] as number) + Math.imul(copy, 0x85ebca77)) >>> 0
}

function textOf(prints: Uint32Array, row: number): string {
  return prints.subarray(row * wordsPerPrint, (row + 1) * wordsPerPrint).join(' ')
}

function indexesOf(bytes: Uint8Array, wanted: number): number[] {
  const indexes: number[] = []
  for (let index = 0; index < bytes.length; index++) if (bytes[index] === wanted) indexes.push(index)
  return indexes
}

function bytesOf(prints: Uint32Array): Uint8Array {
  return new Uint8Array(prints.buffer, prints.byteOffset, prints.byteLength)
}

async function remember(rows: SeenRows, prints: Uint32Array): Promise<void> {
  const present = gathered(prints, occupied(prints))
  const count = present.length / wordsPerPrint
  if (count > 0) await rows.remember(present, new Uint8Array(count).fill(1), rows.rememberedThrough + count)
}
