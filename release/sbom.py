"""The bill of materials of the functions, in CycloneDX's JSON. No number in it is by chance, and its time is the commit's.

It is made here because cargo-cyclonedx lists what any member of the workspace asks of a crate, some thirty crates that no
function links, and macros.
"""

import json
import time


def bill(components, functions, version, when):
    """What the functions are made of, and what needs what."""
    product = {
        "type": "application",
        "bom-ref": f"user-sessions@{version}",
        "name": "user-sessions",
        "version": version,
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
    }
    ordered = sorted(components.values(), key=lambda component: component.purl)
    deployed = [component.purl for component in ordered if component.own and component.name in functions]
    dependencies = [{"ref": product["bom-ref"], "dependsOn": deployed}]
    dependencies += [{"ref": one.purl, "dependsOn": sorted(one.needs)} for one in ordered]
    return json.dumps(
        {
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when)),
                "component": product,
            },
            "components": [described(component, functions) for component in ordered],
            "dependencies": dependencies,
        },
        indent=2,
    ) + "\n"


def described(component, functions):
    told = {
        "type": "application" if component.own and component.name in functions else "library",
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "licenses": [{"expression": component.licence}],
    }
    if not component.own:
        # Ours are on no registry.
        told["purl"] = component.purl
    if component.hashes:
        told["hashes"] = [{"alg": name, "content": digest} for name, digest in component.hashes.items()]
    if component.repository:
        told["externalReferences"] = [{"type": "vcs", "url": component.repository}]
    return told
