import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Postgres } from '../store/postgres.ts'
import { type Import, importsOfScope, previousOfScope } from './imports.ts'
import { Ledger, type OpenSeenRows } from './ledger.ts'
import { readMapping } from './mapping/mapping.ts'

export interface LedgersDependencies {
  postgres: Postgres
  openSeenRows: OpenSeenRows
  /** Of the importer. */
  directory: string
}

/** Which rows the imports of each scope have brought. */
export class Ledgers {
  readonly #deps: LedgersDependencies

  constructor(deps: LedgersDependencies) {
    this.#deps = deps
  }

  /** Which rows count as known, and where this import's own are handed to in the end. */
  async of(started: Import): Promise<{ known: string | undefined; target: string }> {
    if (!isSnapshot(started)) {
      const all = this.#pathOf(started, 'all')
      for (const other of await importsOfScope(this.#deps.postgres, started.scope)) {
        if (other.id !== started.id && other.rowsRead > 0 && !['done', 'cancelled'].includes(other.state)) await this.handOver(other)
      }
      return { known: all, target: all }
    }
    const previous = await previousOfScope(this.#deps.postgres, started)
    const known = previous?.state === 'done' ? this.#pathOf(previous, `import-${previous.id}`) : undefined
    return { known, target: this.#pathOf(started, `import-${started.id}`) }
  }

  /** An import that has not ended tells the others what it has brought so far. */
  async handOver(halted: Import): Promise<void> {
    if (isSnapshot(halted) || halted.rowsRead === 0) return
    const all = this.#pathOf(halted, 'all')
    const ledger = await this.open(halted, all)
    await ledger.handOver(all).finally(() => ledger.close())
  }

  /** @param known where the prints are of rows that were imported before */
  open({ rowsRead, ...record }: Import, known: string | undefined): Promise<Ledger> {
    const { messageId } = readMapping(JSON.parse(record.mapping))
    const directory = workOf(this.#deps.directory, record.id)
    return Ledger.open({ openSeenRows: this.#deps.openSeenRows, known, directory, rowsRead, keyed: messageId !== undefined })
  }

  /** Of snapshots only the last one counts. */
  async forgetBefore(done: Import): Promise<void> {
    if (!isSnapshot(done)) return
    const ledgers = join(this.#deps.directory, 'ledger', done.scope)
    for (const name of await readdir(ledgers).catch((): string[] => [])) {
      if (name !== `import-${done.id}`) await rm(join(ledgers, name), { recursive: true, force: true })
    }
  }

  #pathOf({ scope }: Import, name: string): string {
    return join(this.#deps.directory, 'ledger', scope, name)
  }
}

/** Where an import keeps its work. */
export function workOf(directory: string, id: number): string {
  return join(directory, `${id}`)
}

/** Rows without a time of their own say what is true now: only the import before this one tells what has not changed. */
export function isSnapshot({ mapping }: Import): boolean {
  const { kind, time } = readMapping(JSON.parse(mapping))
  return kind === 'profiles' && !time
}
