import type { Queryable } from '../store/postgres.ts'
import { type NamespaceRule, type NamespaceRules, namespaceRules } from './namespace-rules.ts'
import { defaultNamespaces, type NamespaceDocument } from './namespaces.ts'

/** The present configuration; read again only when its version has moved. */
export interface NamespaceCache {
  rules(tx: Queryable, version: number): Promise<StoredNamespaceRules>
}

export interface StoredNamespaceRules extends NamespaceRules {
  /** The rule of a name that is stored, so it is one. */
  ofStored(name: string): NamespaceRule
}

export function namespaceCache(): NamespaceCache {
  let current: { version: number; rules: StoredNamespaceRules } | undefined
  return {
    async rules(tx, version) {
      if (current?.version !== version) current = { version, rules: storedRules(await documentsOf(tx)) }
      return current.rules
    },
  }
}

/** Every namespace as it is now: the defaults, replaced and extended by the workspace's own. */
export async function documentsOf(db: Queryable): Promise<NamespaceDocument[]> {
  const rows = await db.query<{ document: NamespaceDocument }>('select document from identity_namespaces order by key')
  const documents = new Map([...defaultNamespaces, ...rows.map(({ document }) => document)].map(document => [document.key, document]))
  return [...documents.values()]
}

export function storedRules(documents: readonly NamespaceDocument[]): StoredNamespaceRules {
  const rules = namespaceRules(documents)
  return {
    of: name => rules.of(name),
    ofStored(name) {
      const rule = rules.of(name)
      if (!rule) throw new Error('a stored identifier has a well-formed namespace')
      return rule
    },
  }
}
