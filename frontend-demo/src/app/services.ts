/** What every page can ask for. Built once in `main.tsx`; knows no page. */

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { IdentityStore } from '../collab/identity';
import type { SessionPool } from '../collab/session-pool';
import type { Router } from '../routing/router';
import type { RecentRooms } from '../start/recent-rooms';

export interface Services {
  readonly router: Router;
  readonly identity: IdentityStore;
  readonly sessions: SessionPool;
  readonly recent: RecentRooms;
}

export const ServicesContext = createContext<Services | undefined>(undefined);

export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (services === undefined) throw new Error('ServicesContext is missing above this component');
  return services;
}
