import type { NormalIdentifier } from '../messages.ts'
import { hashOf } from './facts.ts'
import type { Stored } from './stored.ts'
import { emptyVerdict, type Verdict } from './verdict.ts'

/**
 * Who is who, told from the identifiers of the stored events: what came together is one person, except on tablets, which belong to nobody.
 * @param events the identifiers of each stored event, strongest first
 */
export function judgePeople(events: readonly (readonly NormalIdentifier[])[], stored: Stored): Verdict {
  const verdict = emptyVerdict()
  judgeLeaves(stored, verdict)
  judgeIdentifiers(events, stored, verdict)
  judgeEvents(stored, verdict)
  judgeMirror(stored, verdict)
  return verdict
}

/** Leaves are numbered without gaps, and a root is its own root. */
function judgeLeaves({ leaves, nextLeaf }: Stored, verdict: Verdict): void {
  const rootOf = new Map(leaves.map(({ leaf, root }) => [leaf, root]))
  for (const [index, { leaf, root }] of leaves.entries()) {
    if (leaf !== index + 1) verdict.astray.push(`leaf ${index + 1} is missing`)
    if (rootOf.get(root) !== root) verdict.astray.push(`the root ${root} of leaf ${leaf} is not its own root`)
  }
  if (nextLeaf !== leaves.length + 1) verdict.astray.push(`${leaves.length} leaves, and the next one will be ${nextLeaf}`)
}

function judgeIdentifiers(events: readonly (readonly NormalIdentifier[])[], { identifiers, leaves }: Stored, verdict: Verdict): void {
  const rootOf = new Map(leaves.map(({ leaf, root }) => [leaf, root]))
  const leafOf = new Map(identifiers.map(({ hash, leaf }) => [hash, leaf]))
  const { personOf, nameOf } = together(events)
  for (const hash of leafOf.keys())
    if (!nameOf.has(hash)) verdict.astray.push(`identifier ${hash} is known, and no stored event carries it`)
  const profileOf = new Map<string, number>()
  const personIn = new Map<number, string>()
  for (const [hash, name] of nameOf) {
    const leaf = leafOf.get(hash)
    if (leaf === undefined) verdict.lost.push(`identifier ${name} came with stored events and is not known`)
    if (leaf === undefined || isTablet(name)) continue
    const person = personOf(hash)
    const root = rootOf.get(leaf) ?? 0
    const known = profileOf.get(person) ?? root
    const holder = personIn.get(root) ?? person
    if (known !== root) verdict.astray.push(`${name} belongs to profile ${root}, and what came with it to ${known}`)
    if (holder !== person) verdict.astray.push(`${name} is in profile ${root} together with ${nameOf.get(holder)}`)
    profileOf.set(person, known)
    personIn.set(root, holder)
  }
}

/** Each event is on the leaf of its strongest identifier. */
function judgeEvents({ events, identifiers }: Stored, verdict: Verdict): void {
  const leafOf = new Map(identifiers.map(({ hash, leaf }) => [hash, leaf]))
  for (const { leaf, hashes, message_id, position } of events) {
    const home = leafOf.get(hashes[0] ?? '')
    if (leaf !== home) verdict.astray.push(`event ${message_id} at ${position} is on leaf ${leaf}, its first identifier on ${home}`)
  }
}

function judgeMirror({ leaves, mirroredRoots }: Stored, verdict: Verdict): void {
  const mirrored = new Map(mirroredRoots.map(({ leaf, root }) => [leaf, root]))
  for (const { leaf, root } of leaves)
    if ((mirrored.get(leaf) ?? leaf) !== root) verdict.astray.push(`leaf ${leaf} has the root ${root}, in ClickHouse ${mirrored.get(leaf)}`)
}

/** Union-find over what came together. */
function together(events: readonly (readonly NormalIdentifier[])[]): { personOf: (hash: string) => string; nameOf: Map<string, string> } {
  const above = new Map<string, string>()
  const nameOf = new Map<string, string>()
  const hashes = new Map<string, string>()
  const personOf = (hash: string): string => {
    let top = hash
    for (let next = above.get(top); next !== undefined; next = above.get(top)) top = next
    if (top !== hash) above.set(hash, top)
    return top
  }
  for (const identifiers of events) {
    const found = identifiers.map(identifier => {
      const name = `${identifier.namespace} ${identifier.value}`
      const hash = hashes.get(name) ?? hashOf(identifier)
      hashes.set(name, hash)
      nameOf.set(hash, name)
      return { name, hash }
    })
    const [first, ...others] = found.filter(({ name }) => !isTablet(name))
    for (const { hash } of others) if (first && personOf(hash) !== personOf(first.hash)) above.set(personOf(hash), personOf(first.hash))
  }
  return { personOf, nameOf }
}

function isTablet(name: string): boolean {
  return name.startsWith('device_id tablet-')
}
