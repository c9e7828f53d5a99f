import fc from 'fast-check'
import { expect, test } from 'vitest'
import { identityStore } from '../../test/identity-store.ts'
import { anyHistory } from '../../test/identity-world.ts'
import { rebuildDifference } from './rebuild.ts'

const store = await identityStore()

test('deriving everything anew under the same configuration changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(anyHistory, async history => {
      await store.forget()
      await store.take(...history)
      const rules = await store.rules()
      const { regrouping, merges, splits } = await store.postgres.transaction(tx => rebuildDifference(tx, name => rules.ofStored(name)))
      expect({
        merges,
        splits,
        roots: regrouping.roots,
        identifiers: regrouping.identifiers.map(({ hash, leaf }) => [hash, leaf]),
      }).toEqual({
        merges: [],
        splits: [],
        roots: [],
        identifiers: [],
      })
    }),
    { numRuns: 100 },
  )
})
