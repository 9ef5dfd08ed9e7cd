// What the document says, with its references followed, in the shape in which the page tells it.

const METHODS = ["get", "put", "post", "delete", "patch"];

/** Reads a parsed document. */
export function read(document) {
  const follow = (value) => (value?.$ref ? follow(at(document, value.$ref)) : value);
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    METHODS.filter((method) => methods[method]).map((method) => operation(path, method, methods[method])),
  );

  function operation(path, method, source) {
    return {
      ...source,
      path,
      method: method.toUpperCase(),
      parameters: (source.parameters ?? []).map(follow),
      requestBody: follow(source.requestBody),
      permissions: (source.security ?? document.security ?? []).flatMap((scheme) => Object.values(scheme).flat()),
      answers: Object.entries(source.responses).map(([status, answer]) => ({
        status,
        reference: answer.$ref,
        ...follow(answer),
      })),
    };
  }

  const counts = new Map();
  for (const { reference } of operations.flatMap(({ answers }) => answers)) {
    counts.set(reference, (counts.get(reference) ?? 0) + 1);
  }
  /** Whether most calls may get this answer, so that it is told once for all. */
  const isCommon = ({ reference }) => reference !== undefined && counts.get(reference) > operations.length / 2;

  return {
    ...document,
    operations,
    isCommon,
    follow,
    common: Object.values(
      Object.fromEntries(
        operations.flatMap(({ answers }) => answers.filter(isCommon)).map((answer) => [answer.reference, answer]),
      ),
    ).sort((one, other) => one.status - other.status),
    variants: (schema) => variants(schema, follow),
    codes: (schema) => codes(schema, follow),
  };
}

function at(document, reference) {
  const names = reference.replace(/^#\//, "").split("/");
  return names.reduce((value, name) => value[name.replaceAll("~1", "/").replaceAll("~0", "~")], document);
}

/** The shapes that a schema allows, each with its fields: one, or one for each member of a oneOf. */
function variants(schema, follow) {
  const whole = follow(schema);
  if (whole.oneOf && !isNullable(whole, follow)) return whole.oneOf.flatMap((member) => variants(member, follow));
  return [{ description: whole.description, fields: fields(whole, follow) }];
}

/** `{ name, type, description, required }` of every field, those of objects and lists within under their own names. */
function fields(schema, follow, prefix = "") {
  const whole = merged(schema, follow);
  if (whole.type === "array") return fields(whole.items, follow, `${prefix}[].`);
  if (whole.oneOf) return fieldsOfSome(whole.oneOf, follow, prefix);
  return Object.entries(whole.properties ?? {}).flatMap(([name, property]) => {
    const target = merged(property, follow);
    const isList = target.type === "array";
    const field = {
      name: prefix + name,
      type: type(target, follow),
      description: property.description ?? target.description,
      required: (whole.required ?? []).includes(name),
    };
    const inner = merged(isList ? target.items : target, follow);
    const hasFields = inner.properties || (inner.oneOf && !isNullable(inner, follow));
    return [field, ...(hasFields ? fields(inner, follow, `${prefix}${name}${isList ? "[]" : ""}.`) : [])];
  });
}

/** What any of these has: fields that all have once, and those of one under what that one is. */
function fieldsOfSome(members, follow, prefix) {
  const all = members.map((member) => ({ member: follow(member), own: fields(member, follow, prefix) }));
  const having = (name) => all.filter(({ own }) => own.some((field) => field.name === name));
  const named = new Map(all.flatMap(({ own }) => own).map((field) => [field.name, field]));
  return [...named.values()].map((field) => {
    const owners = having(field.name);
    if (owners.length === all.length) return field;
    const when = owners.map(({ member }) => member.description).join(" ");
    return { ...field, required: true, description: `${when} ${field.description}` };
  });
}

/** A schema and all that it refers to or is made of, as one. */
function merged(schema, follow) {
  const target = follow(schema);
  const parts = (target.allOf ?? []).map((part) => merged(part, follow));
  return [...parts, target, schema].reduce(
    (whole, part) => ({
      ...whole,
      ...part,
      properties: part.properties || whole.properties ? { ...whole.properties, ...part.properties } : undefined,
      required: [...(whole.required ?? []), ...(part.required ?? [])],
    }),
    {},
  );
}

const isNullable = (schema, follow) => schema.oneOf?.some((member) => follow(member).type === "null");

/** A type in a few words. */
export function type(schema, follow) {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (isNullable(schema, follow)) {
    return schema.oneOf.map((member) => type(merged(member, follow), follow)).join(" or ");
  }
  if (schema.anyOf) return [...new Set(schema.anyOf.map((member) => type({ ...schema, anyOf: undefined, ...member }, follow)))].join(" or ");
  if (schema.type === "array") return "list";
  if (Array.isArray(schema.type)) return schema.type.join(" or ");
  const formats = { uuid: "UUID", date: "date", "date-time": "time" };
  const bounds = schema.minimum !== undefined && schema.maximum !== undefined && `${schema.minimum} to ${schema.maximum}`;
  return [formats[schema.format] ?? schema.type, bounds].filter(Boolean).join(", ");
}

/** The error codes that an answer may have. */
function codes(schema, follow) {
  const target = follow(schema);
  const own = target.properties?.code;
  const here = own?.const ? [own.const] : own?.enum ?? [];
  return [...here, ...[...(target.allOf ?? []), ...(target.oneOf ?? [])].flatMap((part) => codes(part, follow))];
}
