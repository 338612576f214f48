/* config.xml of a job, with the elements and the defaults that jenkins-job-builder writes: a
 * freestyle job with a shell step and archived reports, or a pipeline job with a Jenkinsfile of the
 * repository; both with the Notification plugin's endpoint. */
#include "jenkins_priv.h"

static void put(struct ci_json *out, const char *z)
{
    ci_json_put(out, z, strlen(z));
}

/* Text of an element; what XML 1.0 cannot hold becomes U+FFFD. */
static void text(struct ci_json *out, struct sco_str s)
{
    for (size_t i = 0; i < s.n;) {
        size_t k = ci_utf8_len(s.p + i, s.n - i);
        unsigned char c = (unsigned char)s.p[i];
        if (!k || (c < ' ' && c != '\n' && c != '\t'))
            put(out, "\xEF\xBF\xBD");
        else if (c == '&')
            put(out, "&amp;");
        else if (c == '<')
            put(out, "&lt;");
        else if (c == '>')
            put(out, "&gt;");
        else
            ci_json_put(out, s.p + i, k);
        i += k ? k : 1;
    }
}

static void element(struct ci_json *out, const char *name, struct sco_str value)
{
    put(out, "<");
    put(out, name);
    put(out, ">");
    text(out, value);
    put(out, "</");
    put(out, name);
    put(out, ">");
}

static void git(struct ci_json *out, const struct jenkins_config *c)
{
    put(out, "<scm class=\"hudson.plugins.git.GitSCM\"><configVersion>2</configVersion>"
             "<userRemoteConfigs><hudson.plugins.git.UserRemoteConfig><name>origin</name>"
             "<refspec>+refs/heads/*:refs/remotes/origin/*</refspec>");
    element(out, "url", c->repository);
    if (c->credentials.n)
        element(out, "credentialsId", c->credentials);
    put(out, "</hudson.plugins.git.UserRemoteConfig></userRemoteConfigs>"
             "<branches><hudson.plugins.git.BranchSpec>");
    element(out, "name", c->branch);
    put(out, "</hudson.plugins.git.BranchSpec></branches>"
             "<disableSubmodules>false</disableSubmodules>"
             "<recursiveSubmodules>false</recursiveSubmodules>"
             "<doGenerateSubmoduleConfigurations>false</doGenerateSubmoduleConfigurations>"
             "<remotePoll>false</remotePoll><gitTool>Default</gitTool>"
             "<submoduleCfg class=\"list\"/><reference/><gitConfigName/><gitConfigEmail/>"
             "<extensions><hudson.plugins.git.extensions.impl.WipeWorkspace/></extensions></scm>");
}

static void parameters(struct ci_json *out, const struct sco_node *list)
{
    if (!sco_is(list, SCO_NODE_MAP) || !list->child)
        return;
    put(out, "<hudson.model.ParametersDefinitionProperty><parameterDefinitions>");
    for (const struct sco_node *p = list->child; p; p = p->next) {
        put(out, "<hudson.model.StringParameterDefinition>");
        element(out, "name", p->key);
        put(out, "<description/>");
        element(out, "defaultValue", sco_text(p));
        put(out, "<trim>false</trim></hudson.model.StringParameterDefinition>");
    }
    put(out, "</parameterDefinitions></hudson.model.ParametersDefinitionProperty>");
}

static void endpoint(struct ci_json *out, struct sco_str url)
{
    if (!url.n)
        return;
    put(out, "<com.tikal.hudson.plugins.notification.HudsonNotificationProperty><endpoints>"
             "<com.tikal.hudson.plugins.notification.Endpoint><format>JSON</format>"
             "<protocol>HTTP</protocol><event>all</event><timeout>30000</timeout>"
             "<retries>0</retries>");
    element(out, "url", url);
    put(out, "<loglines>0</loglines></com.tikal.hudson.plugins.notification.Endpoint></endpoints>"
             "</com.tikal.hudson.plugins.notification.HudsonNotificationProperty>");
}

static void trigger(struct ci_json *out, struct sco_str poll)
{
    put(out, "<hudson.triggers.SCMTrigger>");
    element(out, "spec", poll);
    put(out, "<ignorePostCommitHooks>false</ignorePostCommitHooks></hudson.triggers.SCMTrigger>");
}

static void freestyle(struct ci_json *out, const struct jenkins_config *c)
{
    put(out, "<project><actions/>");
    element(out, "description", c->description);
    put(out, "<keepDependencies>false</keepDependencies>"
             "<blockBuildWhenDownstreamBuilding>false</blockBuildWhenDownstreamBuilding>"
             "<blockBuildWhenUpstreamBuilding>false</blockBuildWhenUpstreamBuilding>"
             "<concurrentBuild>false</concurrentBuild><canRoam>true</canRoam><properties>");
    parameters(out, c->parameters);
    endpoint(out, c->url);
    put(out, "</properties>");
    git(out, c);
    if (c->poll.n) {
        put(out, "<triggers class=\"vector\">");
        trigger(out, c->poll);
        put(out, "</triggers>");
    }
    put(out, "<builders><hudson.tasks.Shell>");
    element(out, "command", c->command);
    put(out, "</hudson.tasks.Shell></builders><publishers><hudson.tasks.ArtifactArchiver>"
             "<artifacts>**/*.sarif</artifacts><allowEmptyArchive>true</allowEmptyArchive>"
             "<onlyIfSuccessful>false</onlyIfSuccessful><fingerprint>false</fingerprint>"
             "<defaultExcludes>true</defaultExcludes><caseSensitive>true</caseSensitive>"
             "<latestOnly>false</latestOnly></hudson.tasks.ArtifactArchiver></publishers>"
             "<buildWrappers/></project>");
}

static void pipeline(struct ci_json *out, const struct jenkins_config *c)
{
    put(out, "<flow-definition plugin=\"workflow-job\"><definition "
             "class=\"org.jenkinsci.plugins.workflow.cps.CpsScmFlowDefinition\" "
             "plugin=\"workflow-cps\"><sandbox>true</sandbox>");
    git(out, c);
    element(out, "scriptPath", c->script_path);
    put(out, "<lightweight>true</lightweight></definition><actions/>");
    element(out, "description", c->description);
    put(out, "<keepDependencies>false</keepDependencies><properties>"
             "<org.jenkinsci.plugins.workflow.job.properties."
             "DisableConcurrentBuildsJobProperty/>");
    if (c->poll.n) {
        put(out, "<org.jenkinsci.plugins.workflow.job.properties.PipelineTriggersJobProperty>"
                 "<triggers>");
        trigger(out, c->poll);
        put(out, "</triggers></org.jenkinsci.plugins.workflow.job.properties."
                 "PipelineTriggersJobProperty>");
    }
    parameters(out, c->parameters);
    endpoint(out, c->url);
    put(out, "</properties></flow-definition>");
}

struct sco_str jenkins_config_xml(const struct sco_host *h, const struct jenkins_config *c)
{
    struct ci_json out = ci_json_new(h);
    put(&out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    if (c->pipeline)
        pipeline(&out, c);
    else
        freestyle(&out, c);
    put(&out, "\n");
    return ci_json_text(&out);
}
