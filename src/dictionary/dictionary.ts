import type { Postgres, Queryable } from '../store/postgres.ts'
import { changesIn, type Entry, type EntryDocument, type EntrySubject, entriesIn, marksIn, putEntry } from './entries.ts'
import { ListPaths } from './list-paths.ts'
import { type Marks, noMarks } from './marks.ts'
import { Observer } from './observer.ts'
import { type TraitDefinitions, traitDefinitionsIn } from './trait-definitions.ts'

/** Names, marks and the observed schema of a workspace. */
export interface Dictionary {
  /** The marks in force, without a query. */
  marks(): Marks
  /** What was decided of traits: who wins, what mirrors a consent. Without a query. */
  traits(): TraitDefinitions
  /** Every entry in force, without a query. */
  entries(): readonly Entry[]
  readonly observer: Observer
  /** Properties that ever held a list. */
  readonly lists: ListPaths
  put(subject: EntrySubject, document: EntryDocument, change: { expected: number | undefined; by: string }): Promise<Entry>
  /** Takes up what another process changed; cheap when that is nothing. */
  reload(): Promise<void>
}

/** @param meaningChanged is called, in the transaction of a change, where rules read its subject otherwise than before */
export async function openDictionary(
  postgres: Postgres,
  now: () => number,
  meaningChanged?: (tx: Queryable) => Promise<void>,
): Promise<Dictionary> {
  let entries: readonly Entry[] = []
  let marks: Marks = noMarks
  let traits = traitDefinitionsIn([])
  const observer = new Observer(now, () => marks)
  const lists = new ListPaths()
  let changes = -1
  const reload = async () => {
    const [latest] = await Promise.all([changesIn(postgres), lists.reload(postgres)])
    if (latest === changes) return
    changes = latest
    entries = await entriesIn(postgres)
    marks = marksIn(entries)
    traits = traitDefinitionsIn(entries)
    observer.marksChanged()
  }
  await reload()
  return {
    marks: () => marks,
    traits: () => traits,
    entries: () => entries,
    observer,
    lists,
    async put(subject, document, { expected, by }) {
      const entry = await putEntry(postgres, subject, document, { expected, by, at: now(), meaningChanged })
      await reload()
      return entry
    },
    reload,
  }
}
