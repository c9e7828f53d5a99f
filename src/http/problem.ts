import { STATUS_CODES } from 'node:http'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { z } from 'zod'
import type { Problem } from '../problem.ts'
import { Refusal, type RefusalDetail } from '../refusal.ts'

/** The answer to an error. What is no refusal is a fault of ours: its text stays inside. */
export function problemOf(error: unknown, requestId: string): Problem {
  const refusal = asRefusal(error)
  return {
    type: `urn:zhike:problem:${refusal.code}`,
    title: STATUS_CODES[refusal.status] ?? 'Error',
    status: refusal.status,
    code: refusal.code,
    detail: refusal.message,
    ...(refusal.details.length > 0 && { details: [...refusal.details] }),
    requestId,
  }
}

export function problemResponse(c: Context, error: unknown): Response {
  const problem = problemOf(error, c.get('requestId'))
  const retry = problem.status === 429 || problem.status === 503 ? { 'retry-after': '1' } : {}
  return c.body(JSON.stringify(problem), problem.status as 400, { 'content-type': 'application/problem+json', ...retry })
}

/** A body that does not fit is 422, anything else about the request 400. */
export function invalidRequest(target: string, error: z.core.$ZodError): Refusal {
  const details = error.issues.flatMap(issue => detailsOf(issue, []))
  const status = target === 'json' || target === 'form' ? 422 : 400
  return new Refusal(status, 'invalid-request', 'the request does not fit its description, see details', details.slice(0, 50))
}

function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof HTTPException) return fromHono(error)
  return new Refusal(500, 'internal-error', 'something went wrong here; the log has more under this request id')
}

function fromHono({ status }: HTTPException): Refusal {
  if (status === 400) return new Refusal(400, 'malformed-json', 'the body is not well-formed JSON')
  if (status === 415)
    return new Refusal(
      415,
      'media-type',
      'send the body with one of the content types that the route describes: mostly Content-Type: application/json',
    )
  return new Refusal(status, `http-${status}`, STATUS_CODES[status] ?? 'Error')
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

/** A branch of another type is farther than one whose parts do not fit. */
function costOf(branch: readonly z.core.$ZodIssue[]): number {
  return branch.reduce((cost, issue) => cost + (issue.path.length === 0 && issue.code === 'invalid_type' ? 100 : 1), 0)
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text ? `${text}.${String(step)}` : String(step)),
    '',
  )
}
