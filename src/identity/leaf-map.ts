/** By leaf. A `Map` will do; `newLeafMap` is faster where most leaves are new. */
export interface LeafMap<T> {
  get(leaf: number): T | undefined
  set(leaf: number, value: T): unknown
  delete(leaf: number): unknown
  values(): Iterable<T>
}

/** New leaves are numbered one after the other, so they are kept in a list; older ones in a map. */
export function newLeafMap<T>(firstNew: number): LeafMap<T> {
  const older = new Map<number, T>()
  const newer: (T | undefined)[] = []
  return {
    get: leaf => (leaf >= firstNew ? newer[leaf - firstNew] : older.get(leaf)),
    set(leaf, value) {
      if (leaf < firstNew) older.set(leaf, value)
      else {
        while (newer.length <= leaf - firstNew) newer.push(undefined)
        newer[leaf - firstNew] = value
      }
    },
    delete(leaf) {
      if (leaf < firstNew) older.delete(leaf)
      else newer[leaf - firstNew] = undefined
    },
    *values() {
      yield* older.values()
      for (const value of newer) if (value !== undefined) yield value
    },
  }
}
