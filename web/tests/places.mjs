// Every page of the console for a real unit: paths with the names of what is really there.

/** Answers `[name, path]` for every page; what the unit has nothing of is left out. */
export async function placesOf(unit) {
  const first = async (path, pick) => {
    const found = (await unit.api('GET', path)).items?.[0];
    return found === undefined ? undefined : pick(found);
  };
  const screens = (await unit.api('GET', '/v1/screens')).items ?? [];
  const stuck = await first('/v1/incidents?limit=1', (row) => row.instance);
  const instance = stuck ?? (await first('/v1/instances?limit=1', (row) => row.instance));
  const order = await first('/v1/instances?limit=1', (row) => row.business_key);
  const found = [
    ['sign-in', '/sign-in'],
    ['home', '/'],
    ['tasks', '/tasks'],
    ['task', await first('/v1/tasks?limit=1', (row) => `/tasks/${row.task}`)],
    ['queue', '/queue'],
    ['scan', '/scan'],
    ['processes', '/processes'],
    ['process', await first('/v1/processes?limit=1', (row) => `/processes/${row.process ?? row.name}`)],
    ['instance', instance === undefined ? undefined : `/instances/${instance}`],
    ['incidents', '/incidents'],
    ['bulk', '/bulk'],
    ['decisions', '/decisions'],
    ['decision', await first('/v1/decisions?limit=1', (row) => `/decisions/${row.decision ?? row.name}`)],
    ['data', '/data'],
    ['relation', '/data/stream/orders'],
    ['kpi', await first('/v1/kpis', (row) => `/data/kpi/${row.name}`)],
    ['metric', await first('/v1/relations?kind=metric&limit=1', (row) => `/data/metric/${row.resource.name}`)],
    ['query', await first('/v1/queries?limit=1', (row) => `/data/query/${row.name}`)],
    ['sql', '/sql'],
    ['live', '/live/orders'],
    ['devices', '/devices'],
    ['device', await first('/v1/devices?limit=1', (row) => `/devices/${row.name}`)],
    ['thing-rules', '/things/rules'],
    ['thing-rule', await first('/v1/rules', (row) => `/things/rules/${row.name}`)],
    ['screens', '/screens'],
    ...screens.map((row) => [`screen-${row.name}`, `/screens/${row.name}`]),
    ['screen-linked', order && (await has(unit, 'order')) ? `/screens/order?order=${order}` : undefined],
    ['exchange', '/exchange'],
    ['contract', await first('/v1/contracts', (row) => `/exchange/contracts/${row.name}`)],
    ['peer', await first('/v1/peers', (row) => `/exchange/peers/${row.name}`)],
    ['roles', '/roles'],
    ['audit', '/audit'],
    ['quotas', '/quotas'],
    ['people', '/people'],
    ['running', '/running'],
    ['nodes', '/nodes'],
    ['settings', '/settings'],
    ['not-found', '/no/such/page'],
  ];
  return found.filter(([, path]) => path !== undefined);
}

async function has(unit, screen) {
  try {
    await unit.api('GET', `/v1/screens/${screen}`);
    return true;
  } catch {
    return false;
  }
}

/** Makes a user of each role, with the password of the tests; answers their names by role. */
export async function peopleOf(unit, roles) {
  await unit.apply(roles.map((role) => ({ apiVersion: 'craton/v1', kind: 'User', metadata: { name: `as-${role}` }, spec: { roles: [role] } })));
  for (const role of roles) await unit.setPassword(`as-${role}`);
  return Object.fromEntries(roles.map((role) => [role, `as-${role}`]));
}

