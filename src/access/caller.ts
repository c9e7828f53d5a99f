/** What a key may do: nothing follows from another, an administrator without `personal` sees masked values like everybody. */
export const permissions = ['read', 'write', 'personal', 'admin'] as const
export type Permission = (typeof permissions)[number]

/** Who calls: an API key, by the name that its owner gave it. */
export interface Caller {
  id: string
  name: string
  permissions: ReadonlySet<Permission>
}

declare module 'hono' {
  interface ContextVariableMap {
    caller: Caller
    requestId: string
  }
}

/** Whether clear personal data may be shown. */
export function seesPersonal(caller: Caller): boolean {
  return caller.permissions.has('personal')
}
