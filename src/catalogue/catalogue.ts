import { Refusal } from '../refusal.ts'
import type { Postgres } from '../store/postgres.ts'
import { type KindChanged, kindChangesIn, kindsIn, putKind, removeKind, type StoredKind } from './kind-store.ts'
import type { KindDocument } from './kinds.ts'

/** The kinds of entities of a workspace, without a query. */
export interface Catalogue {
  kinds(): readonly StoredKind[]
  /** @throws Refusal for a kind that there is not, with those that there are */
  kind(key: string): StoredKind
  putKind(key: string, document: KindDocument, change: { expected: number | undefined; by: string }): Promise<StoredKind>
  removeKind(key: string, change: { expected: number | undefined; by: string }): Promise<void>
  /** Takes up what another process changed; cheap when that is nothing. */
  reload(): Promise<void>
}

export async function openCatalogue(
  postgres: Postgres,
  now: () => number,
  changed: KindChanged = async () => undefined,
): Promise<Catalogue> {
  let kinds: readonly StoredKind[] = []
  let changes = -1
  const reload = async () => {
    const latest = await kindChangesIn(postgres)
    if (latest === changes) return
    kinds = await kindsIn(postgres)
    changes = latest
  }
  const kind = (key: string) => {
    const found = kinds.find(one => one.key === key)
    if (found) return found
    const known = kinds.map(one => one.key).join(', ')
    throw new Refusal(404, 'unknown-kind', `there is no such kind of entity: there are ${known}; PUT /api/entity-kinds/{kind} adds one`)
  }
  await reload()
  return {
    kinds: () => kinds,
    kind,
    async putKind(key, document, change) {
      await putKind(postgres, key, document, { ...change, at: now(), changed })
      await reload()
      return kind(key)
    },
    async removeKind(key, change) {
      kind(key)
      await removeKind(postgres, key, { ...change, at: now(), changed })
      await reload()
    },
    reload,
  }
}
