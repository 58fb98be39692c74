import { describe, expect, it } from 'vitest';
import { notePath, parsePath, roomFromInput } from './route';

describe('parsePath', () => {
  it.each([
    ['/', '/', { page: 'start' }],
    ['/notes', '/', { page: 'start' }],
    ['/notes/', '/', { page: 'start' }],
    ['/notes/a', '/', { page: 'note', room: 'a' }],
    ['/notes/school/7b/bio', '/', { page: 'note', room: 'school/7b/bio' }],
    ['/notes/school%2F7b', '/', { page: 'note', room: 'school/7b' }],
    ['/notes/%C3%BCber%20uns', '/', { page: 'note', room: 'über uns' }],
    ['/notes/U%CC%88', '/', { page: 'note', room: '\u00dc' }],
    ['/notes/100%25', '/', { page: 'note', room: '100%' }],
    ['/notes/100%', '/', { page: 'badRoom', problem: 'encoding' }],
    ['/notes/%ff', '/', { page: 'badRoom', problem: 'encoding' }],
    ['/notes/a//b', '/', { page: 'badRoom', problem: 'segment' }],
    ['/elsewhere', '/', { page: 'notFound' }],
    ['/collab/', '/collab/', { page: 'start' }],
    ['/collab', '/collab/', { page: 'start' }],
    ['/collab/notes/a', '/collab/', { page: 'note', room: 'a' }],
    ['/notes/a', '/collab/', { page: 'notFound' }],
  ])('%s under %s', (path, base, route) => {
    expect(parsePath(path, base)).toEqual(route);
  });
});

describe('notePath', () => {
  it.each(['a', 'school/7b', 'über uns', '100%', 'a?b#c', '生物/1'])('leads back to %j', (room) => {
    const url = new URL(notePath(room, '/collab/'), 'http://host');
    expect(parsePath(url.pathname, '/collab/')).toEqual({ page: 'note', room });
    expect([url.search, url.hash]).toEqual(['', '']);
  });
});

describe('roomFromInput', () => {
  const base = 'http://host/collab/';

  it.each([
    ['biology', 'biology'],
    [' school/7b ', 'school/7b'],
    ['http://host/collab/notes/school/%C3%BC', 'school/ü'],
    ['http://host/collab/notes/a?x=1#y', 'a'],
    ['http://elsewhere/notes/a', 'http://elsewhere/notes/a'],
    ['http://host.evil/collab/notes/a', 'http://host.evil/collab/notes/a'],
  ])('%j means %j', (typed, room) => {
    expect(roomFromInput(typed, base)).toBe(room);
  });
});
