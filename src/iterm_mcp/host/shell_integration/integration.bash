# Marks bash's prompts and commands for the terminal. Run in place of bash's own start-up files,
# which it runs as bash would have: `--rcfile` names it for a shell that is no login shell, $ENV
# for a login shell, which `--posix` has kept from its files until here.
#
# Everything is defined before the user's files are read: what they alias must not reach in here.

__iterm_mcp_a=$'\001\e]133;A;aid='$$$'\a\002'
__iterm_mcp_b=$'\001\e]133;B\a\002'
__iterm_mcp_s=$'\001\e]133;P;k=s\a\002'
__iterm_mcp_c=$'\e]133;C\a'
__iterm_mcp_pwd= __iterm_mcp_url= __iterm_mcp_greeting=$'\e]1337;ShellIntegrationVersion=1;shell=bash\a'

# Runs as the last prompt command: what the others made of PS1 stays.
__iterm_mcp_prompt() {
    { local status=${__iterm_mcp_status:-$?} - where='\u@\H' out; set +eux; } 2>/dev/null
    # References, not the marks themselves: a child that inherits PS1 shows nothing of them.
    local a='${__iterm_mcp_a-}' b='${__iterm_mcp_b-}' s='${__iterm_mcp_s-}' c='${__iterm_mcp_c-}'
    PS0=${PS0-} PS0=${PS0//"$c"/}
    if [[ -n ${PS1+x} ]]; then PS1=${PS1//"$a"/} PS1=${PS1//"$b"/}; fi
    if [[ -n ${PS2+x} ]]; then PS2=${PS2//"$s"/} PS2=${PS2//"$b"/}; fi
    # iTerm2's own script does the same; and without prompt variables nothing can be marked.
    if [[ -n ${ITERM_SHELL_INTEGRATION_INSTALLED-} ]] || ! shopt -q promptvars; then return 0; fi
    if [[ -n ${PS1+x} ]]; then PS1=$a$PS1$b; fi
    if [[ -n ${PS2+x} ]]; then PS2=$s$PS2$b; fi
    # First: what the user's own PS0 shows is not part of the command.
    PS0=$c$PS0
    out=$__iterm_mcp_greeting$'\e]133;D;'$status';aid='$$$'\a\e]1337;RemoteHost='${where@P}$'\a'
    __iterm_mcp_greeting=
    if [[ $PWD != *[[:cntrl:]]* ]]; then out+=$'\e]1337;CurrentDir='$PWD$'\a'; fi
    if [[ $PWD != "$__iterm_mcp_pwd" ]]; then __iterm_mcp_encode; fi
    builtin printf '%s\e]7;file://%s%s\a' "$out" "$HOSTNAME" "$__iterm_mcp_url" >&2
    return 0
}

__iterm_mcp_encode() {
    local LC_ALL=C i c
    __iterm_mcp_pwd=$PWD __iterm_mcp_url=
    for ((i = 0; i < ${#PWD}; i++)); do
        c=${PWD:i:1}
        if [[ $c != [A-Za-z0-9/._~-] ]]; then
            builtin printf -v c '%d' "'$c"
            builtin printf -v c '%%%02X' $((c & 255))
        fi
        __iterm_mcp_url+=$c
    done
}

# Before bash 5.1 there is one prompt command, and each line of it changes $?.
__iterm_mcp_keep() {
    __iterm_mcp_status=$?
    # Where a failing command ends the shell, this one must not.
    if [[ $- != *e* ]]; then return "$__iterm_mcp_status"; fi
}

__iterm_mcp_start() {
    local version=$((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1]))
    # Before 4.4 a command's beginning cannot be marked, nor options be set for a function alone.
    if ((version < 404)); then return 0; fi
    { local -; set +eux; } 2>/dev/null
    if ((version >= 501)); then
        # Not as the first of them, which is what PROMPT_COMMAND=... replaces.
        if [[ -z ${PROMPT_COMMAND+x} ]]; then PROMPT_COMMAND[1]=__iterm_mcp_prompt
        else PROMPT_COMMAND+=(__iterm_mcp_prompt); fi
    else
        export -n PROMPT_COMMAND # a child has no such functions
        PROMPT_COMMAND=__iterm_mcp_keep$'\n'${PROMPT_COMMAND-}$'\n'__iterm_mcp_prompt
    fi
    unset -f __iterm_mcp_start
}

if [[ -o posix ]]; then
    set +o posix
    shopt -u inherit_errexit 2>/dev/null
    if [[ -n ${ITERM_MCP_ENV+x} ]]; then
        export ENV=$ITERM_MCP_ENV
    else
        unset ENV
    fi
    unset ITERM_MCP_ENV
    if [[ ${HISTFILE-} == ~/.sh_history ]]; then HISTFILE=~/.bash_history; fi
    if [[ -r /etc/profile ]]; then . /etc/profile; fi
    if [[ -r ~/.bash_profile ]]; then
        . ~/.bash_profile
    elif [[ -r ~/.bash_login ]]; then
        . ~/.bash_login
    elif [[ -r ~/.profile ]]; then
        . ~/.profile
    fi
elif [[ -r ~/.bashrc ]]; then
    . ~/.bashrc
fi

__iterm_mcp_start
