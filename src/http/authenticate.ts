import type { MiddlewareHandler } from 'hono'
import type { Caller } from '../access/caller.ts'
import { Refusal } from '../refusal.ts'
import type { PolicyOf } from './route-policy.ts'

/** Who holds this key; undefined when nobody does. */
export type Authenticate = (key: string) => Caller | undefined | Promise<Caller | undefined>

/** `Authorization: Bearer <key>` on everything but public routes, and the permission that the route asks for. Unknown routes need a key too. */
export function authenticated(authenticate: Authenticate, policyOf: PolicyOf): MiddlewareHandler {
  return async (c, next) => {
    const policy = policyOf(c)
    if (policy?.permission === 'public') return next()
    const caller = await callerOf(c.req.header('authorization'), authenticate)
    c.set('caller', caller)
    if (policy && !caller.permissions.has(policy.permission)) {
      throw new Refusal(
        403,
        'not-permitted',
        `this API key has no permission "${policy.permission}"; use one that has it, or have it added under /api/keys`,
      )
    }
    return next()
  }
}

export async function callerOf(header: string | undefined, authenticate: Authenticate): Promise<Caller> {
  const key = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1]
  const caller = key && (await authenticate(key))
  if (!caller)
    throw new Refusal(401, 'unauthorized', 'send a valid API key as "Authorization: Bearer <key>"; "zhike keys" lists and creates them')
  return caller
}
