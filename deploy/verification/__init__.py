"""What deploy/verify is made of.

    command       the options and the order of things
    place         where a walk goes: the local server, a deployed stack
    local         the local server
    cloud         an AWS account: its clients, and the way to them
    deployment    a stack in an AWS account, from its deployment on
    removal       its end, and what is left after it
    walk          goes through the steps at one place, and keeps what it saw
    steps         what is called, and what was promised
    client        a call and its answer
    observation   an answer, without what differs from call to call
    comparison    where two places differ
    report        that in Markdown
    failure       why there is no result
"""
