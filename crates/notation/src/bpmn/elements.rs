//! Names and small questions about BPMN's XML.

use roxmltree::Node;

pub(super) const BPMN: &str = "http://www.omg.org/spec/BPMN/20100524/MODEL";
pub(super) const ZEEBE: &str = "http://camunda.org/schema/zeebe/1.0";

/// Returns the elements of BPMN directly under an element.
pub(super) fn children<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(|child| child.is_element() && child.tag_name().namespace() == Some(BPMN))
}

/// Returns the first element of BPMN with a name directly under an element.
pub(super) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    children(node).find(|child| child.tag_name().name() == name)
}

/// Returns the `zeebe:` elements of an element.
pub(super) fn extensions<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    children(node)
        .filter(|child| child.tag_name().name() == "extensionElements")
        .flat_map(|list| list.children())
        .filter(|child| child.is_element() && child.tag_name().namespace() == Some(ZEEBE))
}

/// Returns a `zeebe:` element of an element.
pub(super) fn extension<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    extensions(node).find(|child| child.tag_name().name() == name)
}

/// Returns an attribute that says something.
pub(super) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.attribute(name).map(str::trim).filter(|text| !text.is_empty())
}

/// Whether an attribute says `true`.
pub(super) fn is_true(node: Node<'_, '_>, name: &str) -> bool {
    matches!(node.attribute(name).map(str::trim), Some("true" | "1"))
}

/// Whether an attribute says `false`.
pub(super) fn is_false(node: Node<'_, '_>, name: &str) -> bool {
    matches!(node.attribute(name).map(str::trim), Some("false" | "0"))
}

/// Returns all text directly under an element.
pub(super) fn text_of(node: Node<'_, '_>) -> String {
    node.children()
        .filter(Node::is_text)
        .filter_map(|child| child.text())
        .collect::<String>()
        .trim()
        .to_string()
}

/// Whether an element is one that a token can be at.
pub(super) fn is_flow_node(name: &str) -> bool {
    is_activity(name)
        || is_event(name)
        || matches!(
            name,
            "exclusiveGateway" | "inclusiveGateway" | "parallelGateway" | "eventBasedGateway"
        )
}

/// Whether an element is a task or a sub-process.
pub(super) fn is_activity(name: &str) -> bool {
    is_task(name) || is_sub_process(name)
}

/// Whether an element is a sub-process of a kind that runs.
pub(super) fn is_sub_process(name: &str) -> bool {
    matches!(name, "subProcess" | "transaction")
}

/// Whether an element is a task.
pub(super) fn is_task(name: &str) -> bool {
    matches!(
        name,
        "task"
            | "serviceTask"
            | "sendTask"
            | "userTask"
            | "scriptTask"
            | "businessRuleTask"
            | "receiveTask"
            | "manualTask"
    )
}

/// Whether an element is an event.
pub(super) fn is_event(name: &str) -> bool {
    matches!(
        name,
        "startEvent"
            | "endEvent"
            | "intermediateCatchEvent"
            | "intermediateThrowEvent"
            | "boundaryEvent"
    )
}

/// Whether an element only draws or describes.
pub(super) fn is_modelling_only(name: &str) -> bool {
    matches!(
        name,
        "laneSet"
            | "textAnnotation"
            | "group"
            | "dataObject"
            | "dataObjectReference"
            | "dataStoreReference"
            | "ioSpecification"
            | "property"
            | "documentation"
            | "extensionElements"
            | "monitoring"
            | "auditing"
            | "incoming"
            | "outgoing"
            | "dataInputAssociation"
            | "dataOutputAssociation"
            | "dataInput"
            | "dataOutput"
            | "inputSet"
            | "outputSet"
            | "supportedInterfaceRef"
            | "ioBinding"
            | "resourceRole"
            | "performer"
            | "humanPerformer"
            | "potentialOwner"
            | "rendering"
            | "correlationSubscription"
            | "supports"
            | "categoryValueRef"
            | "association"
    )
}
