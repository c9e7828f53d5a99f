import type { z } from '@hono/zod-openapi'
import { Refusal, type RefusalDetail } from '../refusal.ts'
import { childrenOf } from './children.ts'
import { type Rule, ruleSchema } from './schema.ts'

/** More than anybody writes, less than what strains the store. */
export const limits = { depth: 20, rules: 200, bytes: 64_000, values: 5000, paths: 200 }

/** @throws Refusal with the path of each fault and what would be right */
export function parseRule(json: unknown): Rule {
  const tooLarge = sizeFault(json)
  if (tooLarge) throw invalid([tooLarge])
  const parsed = ruleSchema.safeParse(json)
  if (!parsed.success) throw invalid(parsed.error.issues.flatMap(issue => detailsOf(issue, [])).slice(0, 50))
  const count = countOf(parsed.data)
  if (count > limits.rules)
    throw invalid([{ path: '', message: `a rule may have ${limits.rules} parts, this one has ${count}: split it into tags` }])
  if (levelsOf(parsed.data) > limits.depth) throw invalid([tooDeep])
  return parsed.data
}

const tooDeep = { path: '', message: `a rule may be nested ${limits.depth} deep: split it into tags` }

export function invalid(details: readonly RefusalDetail[]): Refusal {
  return new Refusal(422, 'invalid-rule', 'the rule cannot be used as it is, see details', details)
}

function sizeFault(json: unknown): RefusalDetail | undefined {
  if (depthOf(json, limits.depth * 3) === undefined) return tooDeep
  const bytes = Buffer.byteLength(JSON.stringify(json) ?? '')
  if (bytes > limits.bytes)
    return { path: '', message: `a rule may be $limits.bytesbytes long, this one is $bytes: put long lists into an audience` }
  return undefined
}

function depthOf(json: unknown, left: number): number | undefined {
  if (typeof json !== 'object' || json === null) return 0
  if (left === 0) return undefined
  let deepest = 0
  for (const inner of Object.values(json)) {
    const depth = depthOf(inner, left - 1)
    if (depth === undefined) return undefined
    deepest = Math.max(deepest, depth + 1)
  }
  return deepest
}

function countOf(rule: Rule): number {
  return childrenOf(rule).reduce((sum, child) => sum + countOf(child), 1)
}

function levelsOf(rule: Rule): number {
  return 1 + Math.max(0, ...childrenOf(rule).map(levelsOf))
}

/** A fault in a union is told by the branch that came nearest to fitting. */
function detailsOf(issue: z.core.$ZodIssue, before: readonly PropertyKey[]): RefusalDetail[] {
  const path = [...before, ...issue.path]
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const nearest = issue.errors.reduce((best, branch) => (costOf(branch) < costOf(best) ? branch : best))
    return nearest.flatMap(inner => detailsOf(inner, path))
  }
  return [{ path: pathText(path), message: issue.message }]
}

/** A branch whose own keys are not there is farther than one whose parts do not fit. */
function costOf(branch: readonly z.core.$ZodIssue[]): number {
  const cost = (issue: z.core.$ZodIssue) => {
    if (issue.code === 'unrecognized_keys') return issue.path.length === 0 ? 10 * issue.keys.length : 1
    if (issue.code === 'invalid_type' && issue.path.length === 0) return 1000
    return issue.code === 'invalid_type' && issue.path.length === 1 && issue.input === undefined ? 15 : 1
  }
  return branch.reduce((sum, issue) => sum + cost(issue), 0)
}

export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text ? `${text}.${String(step)}` : String(step)),
    '',
  )
}
