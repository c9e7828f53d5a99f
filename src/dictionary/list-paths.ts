import type { Json, JsonObject } from '../collect/event.ts'
import type { Queryable } from '../store/postgres.ts'

const nothingNew: readonly string[] = []

/**
 * Which properties ever held a list, by path, in whatever event. Exact: a path is written in the transaction that decides the fact that
 * holds the first one.
 */
export class ListPaths {
  #known: ReadonlySet<string> = new Set()

  /** As of the last reload. */
  has(path: string): boolean {
    return this.#known.has(path)
  }

  /** The paths of an event's lists that are not known to have held one. */
  newIn(props: JsonObject): readonly string[] {
    const found = new Set<string>()
    this.#gather(props, '', found)
    return found.size === 0 ? nothingNew : [...found]
  }

  /** Notes what is new, in the transaction that decides the facts that hold it. */
  async note(tx: Queryable, paths: Iterable<string>): Promise<void> {
    const found = new Set(paths)
    // In order, so that two writers never wait for each other.
    if (found.size > 0)
      await tx.query('insert into list_properties (path) select unnest($1::text[]) on conflict do nothing', [[...found].sort()])
  }

  async reload(db: Queryable): Promise<void> {
    const [row] = await db.query<{ paths: number }>('select count(*) as paths from list_properties')
    if ((row?.paths ?? 0) === this.#known.size) return
    const rows = await db.query<{ path: string }>('select path from list_properties')
    this.#known = new Set(rows.map(({ path }) => path))
  }

  #gather(object: JsonObject, prefix: string, found: Set<string>): void {
    for (const key in object) {
      const value: Json | undefined = object[key]
      if (typeof value !== 'object' || value === null) continue
      const path = prefix === '' ? key : `${prefix}.${key}`
      if (!Array.isArray(value)) this.#gather(value, path, found)
      else if (!this.#known.has(path)) found.add(path)
    }
  }
}
