import type { Found } from '../src/identity/find.ts'
import { findIdentifier } from '../src/identity/find.ts'
import type { StoredNamespaceRules } from '../src/identity/namespace-cache.ts'
import { type IdentityReader, identityReader } from '../src/identity/read.ts'
import { type Identity, identityWith, type Resolution } from '../src/identity/resolve.ts'
import { type Keys, keysFrom } from '../src/privacy/keys.ts'
import type { Postgres } from '../src/store/postgres.ts'
import { factOf, type Happened } from './identity-world.ts'
import { testStores } from './stores.ts'

/** Identity on a real store: facts are taken at the next positions of one partition. */
export interface IdentityStore {
  postgres: Postgres
  postgresUrl: string
  keys: Keys
  identity: Identity
  reader: IdentityReader
  take(...happened: Happened[]): Promise<Resolution>
  /** The next facts come at the first positions again. */
  rewind(): void
  forget(): Promise<void>
  rules(): Promise<StoredNamespaceRules>
  find(namespace: string, value: string): Promise<Found | undefined>
  /** The identifiers of each profile, each list and all of them in order. */
  partition(): Promise<string[][]>
  /** All rows of identity, as text. */
  everything(): Promise<unknown[]>
}

const tables = [
  'leaves',
  'identifiers',
  'special_identifiers',
  'identity_edges',
  'identity_unbinds',
  'identity_conflicts',
  'identity_changes',
  'identity_review',
  'identity_blocks',
  'identity_reattributions',
]

export async function identityStore(): Promise<IdentityStore> {
  const { postgres, postgresUrl } = await testStores()
  const keys = keysFrom('test')
  const identity = identityWith(keys)
  const reader = identityReader(keys)
  let position = 0
  return {
    postgres,
    postgresUrl,
    keys,
    identity,
    reader,
    take(...happened) {
      const facts = happened.map(one => {
        position += 1
        return factOf(one, position)
      })
      return postgres.transaction(tx => identity.resolve(tx, facts))
    },
    rewind() {
      position = 0
    },
    async forget() {
      position = 0
      await postgres.query(`truncate ${[...tables, 'identity_progress', 'identity_namespaces'].join()}`)
      await postgres.query(
        'update identity_head set next_leaf = 1, seq = 0, has_blocks = false, namespaces_version = namespaces_version + 1',
      )
    },
    rules: () => reader.rules(postgres),
    find: async (namespace, value) => findIdentifier(postgres, await reader.rules(postgres), keys, { namespace, value }),
    async partition() {
      const rows = await postgres.query<{ root: number; namespace: string; sealed: Buffer }>(
        'select l.root, i.namespace, i.sealed from identifiers i join leaves l on l.leaf = i.leaf where i.leaf > 0',
      )
      const name = ({ namespace, sealed }: { namespace: string; sealed: Buffer }) =>
        `${namespace}=${keys.open(sealed, `identifier:${namespace}`)}`
      const profiles = [...Map.groupBy(rows, ({ root }) => root).values()].map(members => members.map(name).sort())
      return profiles.sort((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1))
    },
    everything: () => Promise.all(tables.map(table => postgres.query(`select t::text from ${table} t order by 1`))),
  }
}

export function leavesIn({ facts }: Resolution): number[] {
  return facts.map(fact => ('leaf' in fact ? fact.leaf : 0))
}
