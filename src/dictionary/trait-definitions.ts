import type { DeclaredType, DeclaredWin } from './declared.ts'
import type { Entry } from './entries.ts'

/** What the workspace decided of its traits, beyond their names and marks. */
export interface TraitDefinitions {
  /** Which value counts when sources disagree. */
  winOf(trait: string): DeclaredWin
  /** The consent purpose whose state the trait is. */
  mirrorOf(trait: string): string | undefined
  typeOf(trait: string): DeclaredType | undefined
  /** Every trait that is the state of a consent, with its purpose. */
  readonly mirrors: ReadonlyMap<string, string>
}

export function traitDefinitionsIn(entries: readonly Entry[]): TraitDefinitions {
  const traits = new Map(entries.filter(({ kind }) => kind === 'trait').map(({ name, document }) => [name, document]))
  const mirrors = new Map([...traits].flatMap(([key, { mirror }]) => (mirror ? [[key, mirror.consent] as const] : [])))
  return {
    winOf: trait => traits.get(trait)?.win ?? 'latest',
    mirrorOf: trait => mirrors.get(trait),
    typeOf: trait => (mirrors.has(trait) ? 'boolean' : traits.get(trait)?.type),
    mirrors,
  }
}
