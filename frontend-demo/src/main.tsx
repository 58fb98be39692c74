/** The composition root of the page: builds the services, shows the app, guards unsaved work. */

// For its effect: it lets components follow the signals that they read, from the first one drawn.
import '@preact/signals';
import { render } from 'preact';
import { App } from './app/app';
import { type Services, ServicesContext } from './app/services';
import { createIdentityStore, IDENTITY_KEY } from './collab/identity';
import { browserStore } from './collab/local-store';
import { secureChance } from './collab/random-names';
import { RoomSession } from './collab/room-session';
import { serverUrlFor } from './collab/server-url';
import { SessionPool } from './collab/session-pool';
import { createRouter } from './routing/router';
import { createRecentRooms } from './start/recent-rooms';
import './ui/tokens.css';
import './ui/base.css';

function buildServices(): Services {
  const store = browserStore();
  const identity = createIdentityStore(store, secureChance);
  const serverUrl = serverUrlFor(document.baseURI);
  return {
    router: createRouter(window),
    identity,
    sessions: new SessionPool((room) => new RoomSession({ serverUrl, room, identity })),
    recent: createRecentRooms(store),
  };
}

function guardUnsavedWork({ sessions }: Services): void {
  window.addEventListener('beforeunload', (event) => {
    if (sessions.hasUnsaved()) event.preventDefault();
  });
}

function followOtherTabs({ identity }: Services): void {
  window.addEventListener('storage', (event) => {
    if (event.key === IDENTITY_KEY) identity.reload();
  });
}

function start(): void {
  const root = document.getElementById('app');
  if (root === null) throw new Error('index.html has no #app');
  const services = buildServices();
  guardUnsavedWork(services);
  followOtherTabs(services);
  render(
    <ServicesContext.Provider value={services}>
      <App />
    </ServicesContext.Provider>,
    root,
  );
}

start();
