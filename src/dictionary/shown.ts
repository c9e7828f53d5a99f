import type { Entry, EntryDocument, EntrySubject } from './entries.ts'
import type { ObservedPathRow } from './observed.ts'
import { isPersonal, sortOfKey } from './personal-keys.ts'

/** What was seen of a property or a trait, with what is said of it. */
export interface ShownPath extends Said, Omit<ObservedPathRow, 'firstSeen' | 'lastSeen'> {
  firstSeen: string | null
  lastSeen: string | null
  /** The sort of personal data that its key says it is. */
  looks?: string
}

export type Said = EntryDocument & { version: number }

export function saidIn(entries: readonly Entry[]): (subject: EntrySubject) => Said {
  const known = new Map(entries.map(one => [idOf(one), one]))
  return subject => {
    const found = known.get(idOf(subject))
    return { ...found?.document, version: found?.version ?? 0 }
  }
}

function idOf({ kind, event: of = '', name: at }: EntrySubject): string {
  return JSON.stringify([kind, of, at])
}

/** Observed properties of an event, and those that somebody named before they were seen. What is said of the property in every event shows through. */
export function propertiesOf(of: string, rows: readonly ObservedPathRow[], entries: readonly Entry[]): ShownPath[] {
  const said = saidIn(entries)
  const shown = rows.map(row => {
    const own = said({ kind: 'property', event: of, name: row.path })
    return pathOf(row, { ...said({ kind: 'property', name: row.path }), ...own }, 'thing')
  })
  return [...shown, ...unseen(entries, 'property', of, rows)].sort(byPath)
}

export function pathOf(row: ObservedPathRow, said: Said, place: 'thing' | 'person'): ShownPath {
  const key =
    row.path
      .split('.')
      .at(-1)
      ?.replace(/(\[\])+$/, '') ?? row.path
  const sort = sortOfKey(key, place)
  return { ...said, ...row, ...(isPersonal(sort) && { looks: sort }) }
}

export function unseen(
  entries: readonly Entry[],
  kind: 'property' | 'trait',
  of: string | undefined,
  rows: readonly ObservedPathRow[],
): ShownPath[] {
  const known = new Set(rows.map(row => row.path))
  return entries
    .filter(one => one.kind === kind && one.event === of && !known.has(one.name))
    .map(one => ({
      ...one.document,
      version: one.version,
      path: one.name,
      types: {},
      count: 0,
      examples: [],
      firstSeen: null,
      lastSeen: null,
    }))
}

export function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : 1
}
