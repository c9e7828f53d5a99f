/** Tags that are assigned by hand or imported are facts: changes of traits with keys of their own, which nobody but the platform sends. */
const prefix = '$tag:'

/** The event that carries assignments made through the API. */
export const tagAssigned = '$tag'

/** The source of what the platform itself writes. */
export const platformSource = '$platform'

/** The key of the trait that holds a tag's assignment. */
export function tagTrait(tag: string): string {
  return `${prefix}${tag}`
}

export function isTagTrait(key: string): boolean {
  return key.startsWith(prefix)
}

/** What is assigned; as the value of the trait. */
export interface TagAssignment {
  value: string | number | boolean
  /** In [0, 1]; 1 without it. */
  score?: number
  /** Until when it holds, ms. */
  until?: number
}
