import { childPaths, childrenOf } from './children.ts'
import type { DerivedRule } from './plan.ts'
import type { Rule } from './schema.ts'

/** The tags, audiences and affinities that a rule refers to, with their paths in it. */
export function referencesOf(rule: Rule, path = ''): { path: string; rule: DerivedRule }[] {
  if ('tag' in rule || 'audience' in rule || 'affinity' in rule) return [{ path, rule }]
  const paths = childPaths(rule)
  return childrenOf(rule).flatMap((child, index) => referencesOf(child, [path, paths[index]].filter(Boolean).join('.')))
}
