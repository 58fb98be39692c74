/** Every English word that the page shows. Owns wording alone; a translation replaces this module. */

import type { EndReason, PauseReason } from './collab/close-codes';
import type { NameProblem } from './collab/room-name';

export const strings = {
  app: {
    name: 'Shared notes',
    home: 'All notes',
    title: (room: string) => `${room} · Shared notes`,
    skip: 'Skip to the note',
  },

  start: {
    headline: 'Write notes together',
    lead: 'Everybody who has the link writes in the same note, in the same moment.',
    create: 'New note',
    createHint: 'Makes up a name that is easy to say aloud.',
    open: 'Open a note',
    nameLabel: 'Name or link of a note',
    namePlaceholder: 'biology-7b',
    go: 'Open',
    recent: 'Recent notes on this device',
    recentEmpty: 'Notes that you open on this device will be listed here.',
    forget: (room: string) => `Take ${room} off this list`,
    pending: 'Changes not saved yet',
  },

  nameProblem: {
    empty: 'Please type a name.',
    tooLong: 'This name is too long.',
    control: 'This name has characters that cannot be seen. Please type it again.',
    segment: 'Between slashes there must be a name, and “.” and “..” are not names.',
    encoding: 'This name has characters that cannot be sent. Please type it again.',
  } satisfies Record<NameProblem, string>,

  notFound: {
    title: 'There is no such page',
    text: 'The address may have been shortened on its way to you.',
    badRoom: 'This is not the name of a note',
    home: 'Go to the start page',
  },

  note: {
    label: (room: string) => `Note ${room}`,
    placeholder: 'Start writing. Everybody here sees it.',
    placeholderReadOnly: 'Nothing has been written yet.',
    loading: 'Loading the note',
    copyLink: 'Copy link',
    copied: 'Link copied',
    copyFailed: 'The link could not be copied. It is in the address bar.',
    copyText: 'Copy the text',
    textCopied: 'Text copied',
    taskLabel: (text: string) => (text === '' ? 'Empty task' : text),
  },

  toolbar: {
    label: 'Text formatting',
    undo: 'Undo',
    redo: 'Redo',
    heading1: 'Heading 1',
    heading2: 'Heading 2',
    heading3: 'Heading 3',
    bold: 'Bold',
    italic: 'Italic',
    strike: 'Strikethrough',
    code: 'Code',
    bulletList: 'Bulleted list',
    orderedList: 'Numbered list',
    taskList: 'Task list',
    blockquote: 'Quote',
    codeBlock: 'Code block',
    link: 'Link',
  },

  link: {
    title: 'Link',
    label: 'Address',
    placeholder: 'https://',
    apply: 'Apply',
    remove: 'Remove',
    open: 'Open in a new tab',
    invalid: 'This is not an address that can be linked.',
  },

  people: {
    button: (count: number) => (count === 1 ? 'Only you are here' : `${count} people are here`),
    title: 'In this note',
    you: 'you',
    yourName: 'Your name',
    yourColor: 'Your colour',
    color: (index: number) => `Colour ${index}`,
    guest: 'Guest',
    tabs: (count: number) => `${count} tabs`,
    done: 'Done',
  },

  connection: {
    connecting: 'Connecting…',
    online: 'Online',
    reconnecting: 'Reconnecting…',
    offline: 'Offline',
    refused: 'Disconnected',
  },

  saved: {
    saving: 'Saving…',
    slow: 'Still saving…',
    saved: 'Saved',
    checking: 'Checking…',
    unknown: 'Saving state unknown',
    offlineUnsaved: 'Not saved yet',
    offlineSaved: 'No unsaved changes',
    refused: 'Not saved',
  },

  savedHint: {
    saving: 'Your latest changes are on their way to the server.',
    slow: 'The server has not confirmed your latest changes yet. Keep this tab open.',
    saved: 'The server has written all your changes to its disk.',
    checking: 'Asking the server whether everything is saved.',
    unknown: 'You are connected, but this server does not tell whether changes are saved.',
    offlineUnsaved: 'Your changes are kept in this tab only, until the connection is back.',
    offlineSaved: 'You have no changes that wait to be saved.',
    refused: 'The server did not save your changes.',
  },

  banner: {
    offlineUnsaved:
      'There is no connection to the server. Keep writing if you like: your changes are kept in this tab and sent when it is back. Do not close the tab before.',
    offlineSaved:
      'There is no connection to the server, and no change of yours is unsaved. What you write now is kept in this tab and sent when it is back.',
    unreachable: 'The server cannot be reached. Trying again…',
    retry: 'Try now',
    readOnly: 'You can read this note, but not change it.',
    mismatch:
      'The server speaks a newer version than this page. Reload the page to see whether changes are saved.',
    reload: 'Reload',
    notSaved: (message: string) => `Your changes are not saved yet: ${message} Trying again…`,
    rejected: (message: string) =>
      `The server did not take all of your changes: ${message} Others do not see them. Copy what you need.`,
  },

  refusal: {
    read_only: 'You may not write in this note.',
    too_large: 'The note or the change is too large.',
    unknown_content: 'A change holds something that the server does not know.',
    malformed: 'A change could not be read.',
    unknown: 'No reason was given.',
  } as Record<string, string>,

  pause: {
    restarting: 'The server is restarting.',
    busy: 'The server is busy.',
    tooBig: 'A change was too large for the server.',
    slowConsumer: 'The connection was too slow to keep up.',
    tooFast: 'Too much was sent at once.',
    signedOut: 'Your sign-in has expired.',
    lost: '',
  } satisfies Record<PauseReason, string>,

  end: {
    badFrame: {
      title: 'This page and the server do not understand each other',
      text: 'The page may be older than the server. Reload it; if that does not help, tell the person who runs the server.',
    },
    unauthenticated: {
      title: 'You are not signed in',
      text: 'Open this note again from the place where you found its link.',
    },
    forbidden: {
      title: 'You have no access to this note',
      text: 'Ask the person who gave you the link to let you in.',
    },
    deleted: {
      title: 'This note has been deleted',
      text: 'If you need its text and still see it here, copy it now.',
    },
    kicked: {
      title: 'You have been removed from this note',
      text: 'Ask your teacher or the host before you join again.',
    },
    otherEnd: {
      title: 'The server has closed this note',
      text: 'Reload the page. If it happens again, tell the person who runs the server.',
    },
  } satisfies Record<EndReason, { title: string; text: string }>,
  endDetail: (code: number, reason: string) => (reason === '' ? `Code ${code}` : `Code ${code}: ${reason}`),
  endUnsaved: 'Your last changes are in this tab only.',
  endRetry: 'Try again',

  failure: {
    title: 'Something went wrong on this page',
    text: 'The note itself is not harmed. Try again; if it happens once more, reload the page.',
    retry: 'Try again',
    loadTitle: 'A part of this page could not be loaded',
    loadText: 'There may be a newer version of it, or the connection was lost.',
    foreignTitle: 'This note holds something that this page cannot show',
    foreignText: (name: string) =>
      `It was written with a newer version of the page (“${name}”). Showing it here would take that part away from everybody, so it stays closed. Reload the page to get the newer version.`,
  },
} as const;
